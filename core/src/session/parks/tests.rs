//! The state machine of parked calls, alone: by example, and against a model in random orders.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::park::{Act, KEPT, MAX_OPEN, Park, WINDOW, Why};

const PATIENCE: Duration = Duration::from_secs(600);

type Call = Park<u32, Question, u32>;
type Acts = Vec<Act<u32, Question, u32>>;

/// A question of the server; one about roots outlives its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Question {
    n: u32,
    is_roots: bool,
}

const fn q(n: u32) -> Question {
    Question { n, is_roots: false }
}

/// A call and the time it is in.
struct World {
    call: Call,
    now: Instant,
}

impl World {
    fn new() -> Self {
        Self { call: Park::new(1, PATIENCE), now: Instant::now() }
    }

    /// Asked so many things, and its client has been told.
    fn asked(n: u32) -> Self {
        let mut world = Self::new();
        for n in 1..=n {
            assert_eq!(world.call.ask(world.now, q(n)), Ok(()));
        }
        assert_eq!(world.later(WINDOW), [Act::Ask(1)]);
        world
    }

    fn later(&mut self, by: Duration) -> Acts {
        self.now += by;
        self.call.due(self.now)
    }

    fn end(&mut self, result: u32) -> Acts {
        let plain = self.call.waiter().copied().filter(|_| self.call.is_plain());
        let acts = self.call.end(self.now, result, |q| q.is_roots);
        if let Some(who) = plain {
            assert_eq!(acts, [give(who, result), Act::Forget], "nobody who takes the short way misses anything");
        }
        acts
    }

    fn retry(&mut self, who: u32, keys: &[u32]) -> Acts {
        let given: Vec<(u32, bool)> = keys.iter().map(|k| (*k, true)).collect();
        self.call.retry(self.now, who, &given)
    }

    fn keys(&self) -> Vec<u32> {
        self.call.asked().map(|o| o.key).collect()
    }
}

const fn give(to: u32, end: u32) -> Act<u32, Question, u32> {
    Act::Give { to, end, again: false }
}

#[test]
fn a_call_without_questions_leaves_nothing() {
    let mut world = World::new();
    assert_eq!(world.call.wake(), None, "nothing is waited for");
    assert_eq!(world.end(9), [give(1, 9), Act::Forget]);
}

#[test]
fn questions_of_one_moment_are_one_round() {
    let mut world = World::new();
    assert_eq!(world.call.ask(world.now, q(1)), Ok(()));
    assert_eq!(world.call.wake(), Some(world.now + WINDOW));
    assert_eq!(world.later(WINDOW / 2), []);
    assert_eq!(world.call.ask(world.now, q(2)), Ok(()));
    assert_eq!(world.later(WINDOW / 2), [Act::Ask(1)]);
    assert_eq!(world.keys(), [1, 2]);
    assert_eq!(world.call.wake(), Some(world.now + PATIENCE));
}

/// Edge case 17.
#[test]
fn edge_17_keys_of_two_rounds_differ() {
    let mut world = World::asked(1);
    assert_eq!(world.retry(2, &[1]), [Act::Answer(1, q(1))]);
    assert_eq!(world.call.wake(), None, "the server is at work");
    assert_eq!(world.call.ask(world.now, q(2)), Ok(()));
    assert_eq!(world.later(WINDOW), [Act::Ask(2)]);
    assert_eq!(world.keys(), [2]);
    assert_eq!(world.retry(3, &[1, 2, 7]), [Act::Answer(2, q(2))], "answered and unknown keys are nothing");
    assert_eq!(world.end(9), [give(3, 9)]);
}

/// Edge case 18.
#[test]
fn edge_18_a_client_that_never_comes_again() {
    let mut world = World::asked(2);
    assert_eq!(world.later(PATIENCE), [Act::Dismiss(q(1)), Act::Dismiss(q(2)), Act::Cancel, Act::Forget]);
}

/// Edge case 19.
#[test]
fn edge_19_the_same_round_twice_at_once() {
    let mut world = World::asked(1);
    assert_eq!(world.retry(2, &[1]), [Act::Answer(1, q(1))]);
    assert_eq!(world.retry(3, &[1]), [Act::Refuse(2, Why::Replaced)]);
    assert_eq!(world.end(9), [give(3, 9)]);
    assert_eq!(world.retry(4, &[1]), [Act::Give { to: 4, end: 9, again: true }], "the same again");
    assert_eq!(world.later(KEPT), [Act::Forget]);
}

#[test]
fn what_is_not_answered_is_asked_again() {
    let mut world = World::asked(3);
    assert_eq!(world.retry(2, &[2]), [Act::Answer(2, q(2)), Act::Ask(2)]);
    assert_eq!(world.keys(), [1, 3]);
    assert_eq!(world.retry(3, &[]), [Act::Ask(3)]);
    assert_eq!(world.retry(4, &[1, 3]), [Act::Answer(1, q(1)), Act::Answer(3, q(3))]);
}

#[test]
fn a_question_that_came_meanwhile_is_in_the_next_round() {
    let mut world = World::asked(1);
    assert_eq!(world.call.ask(world.now, q(2)), Ok(()));
    assert_eq!(world.call.wake(), Some(world.now + PATIENCE), "nobody waits for it");
    assert_eq!(world.retry(2, &[1]), [Act::Answer(1, q(1)), Act::Ask(2)]);
    assert_eq!(world.keys(), [2]);
}

#[test]
fn a_result_is_kept_for_who_is_away() {
    let mut world = World::asked(1);
    assert_eq!(world.end(9), [Act::Dismiss(q(1))]);
    assert_eq!(world.later(KEPT - WINDOW), []);
    assert_eq!(world.retry(2, &[1]), [give(2, 9)]);
    let mut world = World::asked(1);
    world.end(9);
    assert_eq!(world.later(KEPT), [Act::Forget]);
    // A server that stopped waiting ends long before its client comes.
    let mut world = World::asked(1);
    assert_eq!(world.call.take_back(|q| q.n == 1), Some(q(1)));
    world.end(9);
    assert_eq!(world.later(PATIENCE - WINDOW), []);
    assert_eq!(world.retry(2, &[1]), [give(2, 9)]);
}

#[test]
fn who_hangs_up_while_waiting_cancels_but_not_between_rounds() {
    let mut world = World::asked(1);
    assert_eq!(world.call.leave(|w| *w == 1), [], "it was told, and may come again");
    world.retry(2, &[]);
    assert_eq!(world.retry(3, &[1]), [Act::Answer(1, q(1))]);
    assert_eq!(world.call.leave(|w| *w == 2), [], "it does not wait any more");
    assert_eq!(world.call.leave(|w| *w == 3), [Act::Cancel, Act::Forget]);
    // In the window, before it was told.
    let mut world = World::new();
    world.call.ask(world.now, q(1)).expect("room");
    assert_eq!(world.call.leave(|w| *w == 1), [Act::Dismiss(q(1)), Act::Cancel, Act::Forget]);
}

/// Edge case 21.
#[test]
fn edge_21_a_server_that_ends_meanwhile() {
    let mut world = World::asked(1);
    assert_eq!(world.call.lose(world.now, 9), [Act::Dismiss(q(1))]);
    assert_eq!(world.retry(2, &[1]), [Act::Refuse(2, Why::Gone)]);
    assert_eq!(world.retry(3, &[1]), [Act::Refuse(3, Why::Gone)]);
    assert_eq!(world.later(PATIENCE), [Act::Forget]);
    // Who waits is told what happened.
    let mut world = World::asked(1);
    world.retry(2, &[1]);
    assert_eq!(world.call.lose(world.now, 9), [give(2, 9)]);
}

#[test]
fn a_server_that_asks_for_ever_is_refused() {
    let mut world = World::new();
    for n in 1..=MAX_OPEN {
        assert_eq!(world.call.ask(world.now, q(u32::try_from(n).expect("small"))), Ok(()));
    }
    assert_eq!(world.call.ask(world.now, q(99)), Err(q(99)));
    assert_eq!(world.later(WINDOW), [Act::Ask(1)]);
    world.retry(2, &[1]);
    assert_eq!(world.call.ask(world.now, q(100)), Ok(()), "there is room again");
    world.end(9);
    assert_eq!(world.call.ask(world.now, q(101)), Err(q(101)), "its call has ended");
}

#[test]
fn roots_are_asked_for_although_the_call_has_ended() {
    let roots = Question { n: 1, is_roots: true };
    let mut world = World::new();
    world.call.ask(world.now, roots).expect("room");
    world.call.ask(world.now, q(2)).expect("room");
    assert_eq!(world.end(9), [Act::Dismiss(q(2))]);
    assert_eq!(world.later(WINDOW), [Act::Ask(1)]);
    assert_eq!(world.keys(), [1]);
    assert_eq!(world.retry(2, &[1]), [Act::Answer(1, roots), give(2, 9)]);
    // It need not.
    let mut world = World::new();
    world.call.ask(world.now, roots).expect("room");
    world.end(9);
    world.later(WINDOW);
    assert_eq!(world.retry(2, &[]), [Act::Dismiss(roots), give(2, 9)]);
    // The server takes it back before the client is told.
    let mut world = World::new();
    world.call.ask(world.now, roots).expect("room");
    world.end(9);
    assert_eq!(world.call.take_back(|_| true), Some(roots));
    assert_eq!(world.later(WINDOW), [give(1, 9), Act::Forget]);
}

#[test]
fn urls_are_opened_before_the_call_is_made_again() {
    let mut world = World::new();
    assert_eq!(world.call.wants(world.now, [q(1), q(2)]), [Act::Ask(1)]);
    assert_eq!(world.retry(2, &[1]), [Act::Ask(2)]);
    assert_eq!(world.keys(), [2]);
    assert_eq!(world.retry(3, &[2]), [Act::Rerun(3)]);
    world.call.reruns(3);
    assert_eq!(world.call.ask(world.now, q(3)), Ok(()));
    assert_eq!(world.later(WINDOW), [Act::Ask(3)]);
    assert_eq!(world.keys(), [3]);
    let mut world = World::new();
    world.call.wants(world.now, [q(1), q(2)]);
    assert_eq!(world.call.retry(world.now, 2, &[(1, false)]), [Act::Declined(2), Act::Forget]);
    let mut world = World::new();
    world.call.wants(world.now, [q(1)]);
    assert_eq!(world.later(PATIENCE), [Act::Dismiss(q(1)), Act::Forget], "nothing runs that could be cancelled");
}

/// What may happen to a call.
#[derive(Clone, Debug)]
enum Event {
    Ask {
        is_roots: bool,
    },
    /// The client answers these of the open questions and of others, and does not wait for the end of another request.
    Retry {
        keys: Vec<u32>,
    },
    Leave {
        of_last: bool,
    },
    TakeBack(usize),
    End,
    Lose,
    Later(Duration),
    Stop,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        5 => any::<bool>().prop_map(|is_roots| Event::Ask { is_roots }),
        5 => prop::collection::vec(1_u32..12, 0..5).prop_map(|keys| Event::Retry { keys }),
        1 => any::<bool>().prop_map(|of_last| Event::Leave { of_last }),
        1 => (0_usize..6).prop_map(Event::TakeBack),
        2 => Just(Event::End),
        1 => Just(Event::Lose),
        5 => prop_oneof![Just(WINDOW / 2), Just(WINDOW), Just(KEPT), Just(PATIENCE)].prop_map(Event::Later),
        1 => Just(Event::Stop),
    ];
    prop::collection::vec(event, 0..40)
}

/// What is true of a call whatever happens, in which order.
#[derive(Debug, Default)]
struct Model {
    /// Requests of the client that have no answer yet: one at most, the newest.
    waiting: BTreeSet<u32>,
    n_requests: u32,
    /// Questions the server has no answer to, by number.
    open: BTreeMap<u32, bool>,
    n_questions: u32,
    /// The server has answered, or was told that nobody wants it.
    ended: Option<u32>,
    is_cancelled: bool,
    is_lost: bool,
    is_over: bool,
    /// Ends given to the client, the first time.
    n_given: usize,
}

impl Model {
    fn check(&mut self, acts: &Acts) -> Result<(), TestCaseError> {
        for act in acts {
            prop_assert!(!self.is_over, "after the end: {:?}", act);
            match act {
                Act::Ask(who) => prop_assert!(self.waiting.remove(who), "asked whom nobody knows: {}", who),
                Act::Give { to, end, again } => {
                    prop_assert!(self.waiting.remove(to), "given to whom nobody knows: {}", to);
                    prop_assert_eq!(Some(*end), self.ended);
                    prop_assert_eq!(*again, self.n_given > 0, "counted once");
                    self.n_given += usize::from(!again);
                }
                Act::Refuse(who, why) => {
                    prop_assert!(self.waiting.remove(who), "refused whom nobody knows: {}", who);
                    prop_assert_eq!(*why == Why::Gone, self.is_lost && self.n_given == 0);
                }
                Act::Answer(_, question) | Act::Dismiss(question) => {
                    prop_assert!(self.open.remove(&question.n).is_some(), "answered twice: {:?}", question);
                }
                Act::Cancel => {
                    prop_assert!(self.ended.is_none() && !self.is_cancelled, "cancelled what has ended");
                    prop_assert!(self.open.is_empty(), "a question is left open");
                    self.is_cancelled = true;
                }
                Act::Forget => self.is_over = true,
                Act::Rerun(_) | Act::Declined(_) => prop_assert!(false, "made a second time"),
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// No answer is lost, or given twice; every question of the server is answered once; the call runs once, and is
    /// cancelled at most once, before its end.
    #[test]
    fn whatever_the_order(events in events()) {
        let mut world = World::new();
        let mut model = Model { waiting: BTreeSet::from([1]), n_requests: 1, ..Model::default() };
        for event in events {
            if model.is_over {
                break;
            }
            let acts = match event {
                Event::Ask { is_roots } => {
                    model.n_questions += 1;
                    let question = Question { n: model.n_questions, is_roots };
                    match world.call.ask(world.now, question) {
                        Ok(()) => {
                            prop_assert!(model.ended.is_none(), "asked after its end");
                            model.open.insert(question.n, is_roots);
                        }
                        Err(back) => {
                            prop_assert_eq!(back, question);
                            prop_assert!(model.ended.is_some() || model.open.len() >= MAX_OPEN);
                        }
                    }
                    Vec::new()
                }
                Event::Retry { keys } => {
                    model.n_requests += 1;
                    model.waiting.insert(model.n_requests);
                    world.retry(model.n_requests, &keys)
                }
                Event::Leave { of_last } => {
                    let who = if of_last { model.n_requests } else { model.n_requests.saturating_sub(1) };
                    let waited = model.waiting.remove(&who);
                    let acts = world.call.leave(|w| *w == who);
                    prop_assert_eq!(waited, acts.contains(&Act::Forget), "only who waits cancels by leaving");
                    acts
                }
                Event::TakeBack(nth) => {
                    let n = model.open.keys().nth(nth).copied();
                    let taken = world.call.take_back(|q| Some(q.n) == n);
                    prop_assert_eq!(taken.map(|q| q.n), n);
                    model.open.retain(|open, _| Some(*open) != n);
                    Vec::new()
                }
                Event::End | Event::Lose => {
                    let is_lost = matches!(event, Event::Lose) && model.ended.is_none();
                    let result = model.n_requests + 1000;
                    model.ended = model.ended.or(Some(result));
                    model.is_lost |= is_lost && world.call.is_unattended();
                    if is_lost { world.call.lose(world.now, result) } else { world.end(result) }
                }
                Event::Later(by) => world.later(by),
                Event::Stop if world.call.is_unattended() => world.call.stop(),
                Event::Stop => Vec::new(),
            };
            model.check(&acts)?;
            prop_assert!(model.waiting.len() <= 1, "somebody was forgotten: {:?}", model.waiting);
            prop_assert_eq!(model.waiting.first(), world.call.waiter());
            let open: Vec<u32> = world.call.open().iter().map(|o| o.question.n).collect();
            prop_assert_eq!(open, model.open.keys().copied().collect::<Vec<_>>());
            // Whoever waits for a call that has ended is about to be told something; whoever is away does not stay so for ever.
            let is_settled = model.is_over || world.call.wake().is_some();
            prop_assert!(is_settled || (!model.waiting.is_empty() && model.ended.is_none()), "nothing will happen");
        }
        if !model.is_over {
            // However it stands: when its client stays away and the server answers, nothing is left.
            let acts = world.end(1);
            model.ended = model.ended.or(Some(1));
            model.check(&acts)?;
            for _ in 0..4 {
                if !model.is_over {
                    let acts = world.later(PATIENCE);
                    model.check(&acts)?;
                }
            }
            prop_assert!(model.is_over, "it stays for ever: {:?}", world.call);
        }
        prop_assert!(model.open.is_empty(), "the server waits for ever: {:?}", model.open);
        prop_assert!(model.waiting.is_empty(), "the client waits for ever: {:?}", model.waiting);
    }
}
