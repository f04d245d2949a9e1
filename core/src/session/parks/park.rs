//! [`Park`]: one call of a modern client at a legacy server, over as many rounds as the server's questions need
//! (protocol.md, 3.6). A pure state machine, without clock and I/O: what is to be done comes out as [`Act`]s, in order.
//!
//! It never lets a call run twice: whoever comes again is matched to the one that runs. `W` is who waits for the answer,
//! `Q` a question of the server, `R` how the call ended.

use std::time::{Duration, Instant};

/// Questions that are open at once, at most: a server that asks for ever is refused.
pub(super) const MAX_OPEN: usize = 32;
/// After the first question others are waited for, so that one round carries them all.
pub(super) const WINDOW: Duration = Duration::from_millis(25);
/// A result that came while nobody waited is kept for so long, and one that was fetched is given again for so long: an
/// answer may have been lost on its way to the client.
pub(super) const KEPT: Duration = Duration::from_secs(60);

/// One call and its rounds.
#[derive(Debug)]
pub(super) struct Park<W, Q, R> {
    phase: Phase<R>,
    open: Vec<Open<Q>>,
    /// Keys given so far; none is used twice.
    n_keys: u32,
    /// The highest key the client has been told.
    shown: u32,
    waiter: Option<W>,
    /// While questions are collected for the one who waits: until when.
    window: Option<Instant>,
    /// While nobody waits: until when somebody may come.
    until: Option<Instant>,
    /// How long the client may take for a round.
    patience: Duration,
    /// The server took a question back: it has stopped waiting by itself.
    gave_up: bool,
}

#[derive(Debug)]
enum Phase<R> {
    /// The call runs at the server.
    Running,
    /// The server wants URLs opened before the call is made again; it does not run now.
    Rerun,
    /// It has ended, and nobody has fetched how.
    Ended(R),
    /// It has ended and the client knows.
    Told(R),
    /// It was lost with its server while the client was away.
    Gone,
}

/// A question that is open.
#[derive(Debug)]
pub(super) struct Open<Q> {
    /// Its key towards the client, `i` before it.
    pub(super) key: u32,
    /// What the server asked.
    pub(super) question: Q,
    /// The URL was opened, as far as the client says; of a call that is to be made again.
    is_done: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act<W, Q, R> {
    /// This one is told what is open: `input_required`.
    Ask(W),
    /// This one gets the end of the call. The first time it is told it counts, then it is only said again.
    Give {
        /// Who.
        to: W,
        /// How it ended.
        end: R,
        /// It was given before.
        again: bool,
    },
    /// This one gets nothing more.
    Refuse(W, Why),
    /// The server gets the client's answer of this key.
    Answer(u32, Q),
    /// The server is answered in the client's place: nobody will.
    Dismiss(Q),
    /// The server hears that the call is not wanted any more.
    Cancel,
    /// The call is made again for this one: its URLs were opened.
    Rerun(W),
    /// The client will not open a URL: the call ends for this one.
    Declined(W),
    /// Nothing is left of it.
    Forget,
}

/// Why somebody gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The same round was sent again, and the newer one waits now.
    Replaced,
    /// The server has ended meanwhile.
    Gone,
}

/// What a client sends in a round: keys, and whether the answer says yes.
pub(super) type Given<'a> = &'a [(u32, bool)];

type Acts<W, Q, R> = Vec<Act<W, Q, R>>;

impl<W, Q, R: Clone> Park<W, Q, R> {
    /// A call that `waiter` has just made. A client may take `patience` for each round.
    pub(super) const fn new(waiter: W, patience: Duration) -> Self {
        Self {
            phase: Phase::Running,
            open: Vec::new(),
            n_keys: 0,
            shown: 0,
            waiter: Some(waiter),
            window: None,
            until: None,
            patience,
            gave_up: false,
        }
    }

    /// Who waits now.
    pub(super) const fn waiter(&self) -> Option<&W> {
        self.waiter.as_ref()
    }

    /// The open questions, in the order they were asked.
    pub(super) fn open(&self) -> &[Open<Q>] {
        &self.open
    }

    /// Those the client still has to answer.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Open<Q>> {
        self.open.iter().filter(|o| !o.is_done)
    }

    /// Whether its client has been asked something, so that it is more than a call on its way for as long as it is kept.
    pub(super) const fn was_asked(&self) -> bool {
        self.n_keys > 0
    }

    /// Whether it runs and nothing was ever asked in it: when it ends now, who waits is told, and that is all there is to say of it.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(self.phase, Phase::Running) && self.n_keys == 0
    }

    /// Takes out who waits for it.
    pub(super) const fn take_waiter(&mut self) -> Option<W> {
        self.waiter.take()
    }

    /// Whether it is its client's turn.
    pub(super) fn is_parked(&self) -> bool {
        !self.is_told() && (self.waiter.is_none() || !self.open.is_empty())
    }

    /// Whether it waits for its client, who may come or not.
    pub(super) const fn is_unattended(&self) -> bool {
        self.waiter.is_none()
    }

    /// Whether the call has ended and its client has been told.
    pub(super) const fn is_told(&self) -> bool {
        matches!(self.phase, Phase::Told(_))
    }

    /// Whether the server has nothing more to do with it.
    pub(super) fn is_done(&self) -> bool {
        !matches!(self.phase, Phase::Running | Phase::Rerun) && self.open.is_empty()
    }

    /// When [`Park::due`] has something to do.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.window.into_iter().chain(self.until).min()
    }

    /// The server asks. Gives the question back when nobody can be asked it.
    pub(super) fn ask(&mut self, now: Instant, question: Q) -> Result<(), Q> {
        if !matches!(self.phase, Phase::Running) || self.open.len() >= MAX_OPEN {
            return Err(question);
        }
        self.push(question);
        if self.waiter.is_some() && self.window.is_none() {
            self.window = now.checked_add(WINDOW);
        }
        Ok(())
    }

    fn push(&mut self, question: Q) {
        self.n_keys += 1;
        if self.open.is_empty() {
            // Most ask one thing, and may wait long for it.
            self.open.reserve_exact(1);
        }
        self.open.push(Open { key: self.n_keys, question, is_done: false });
    }

    /// The server takes a question back.
    pub(super) fn take_back(&mut self, is_it: impl Fn(&Q) -> bool) -> Option<Q> {
        let at = self.open.iter().position(|o| is_it(&o.question))?;
        self.gave_up = true;
        let question = self.open.remove(at).question;
        if self.open.is_empty() && matches!(self.phase, Phase::Running) {
            self.window = None;
        }
        Some(question)
    }

    /// The call has ended at its server. `outlives` says of an open question that the client should be asked it all the
    /// same; others are not wanted any more.
    pub(super) fn end(&mut self, now: Instant, end: R, outlives: impl Fn(&Q) -> bool) -> Acts<W, Q, R> {
        if !matches!(self.phase, Phase::Running) {
            return Vec::new();
        }
        let mut acts = Vec::new();
        let (stay, go) = std::mem::take(&mut self.open).into_iter().partition(|o| outlives(&o.question));
        self.open = stay;
        acts.extend(go.into_iter().map(|o| Act::Dismiss(o.question)));
        if self.waiter.is_none() {
            // A server that stopped waiting for the client ends soon after; its client knows nothing of that.
            if !self.gave_up {
                self.until = now.checked_add(KEPT);
            }
            self.phase = Phase::Ended(end);
        } else if self.open.is_empty() {
            self.phase = Phase::Ended(end);
            self.give(now, &mut acts);
        } else {
            self.phase = Phase::Ended(end);
        }
        acts
    }

    /// The call was lost with its server: `end` says so to whoever waits.
    pub(super) fn lose(&mut self, now: Instant, end: R) -> Acts<W, Q, R> {
        if self.waiter.is_some() || !matches!(self.phase, Phase::Running) {
            return self.end(now, end, |_| false);
        }
        self.phase = Phase::Gone;
        self.open.drain(..).map(|o| Act::Dismiss(o.question)).collect()
    }

    /// The call ended because URLs have to be opened first.
    pub(super) fn wants(&mut self, now: Instant, urls: impl IntoIterator<Item = Q>) -> Acts<W, Q, R> {
        if !matches!(self.phase, Phase::Running) {
            return Vec::new();
        }
        let mut acts: Acts<W, Q, R> = self.open.drain(..).map(|o| Act::Dismiss(o.question)).collect();
        self.phase = Phase::Rerun;
        urls.into_iter().take(MAX_OPEN).for_each(|q| self.push(q));
        self.tell(now, &mut acts);
        acts
    }

    /// The client comes again: `waiter` waits from now on, and these of the open questions are answered.
    pub(super) fn retry(&mut self, now: Instant, waiter: W, given: Given<'_>) -> Acts<W, Q, R> {
        let mut acts = Vec::new();
        match self.phase {
            Phase::Told(ref end) => {
                acts.push(Act::Give { to: waiter, end: end.clone(), again: true });
                return acts;
            }
            Phase::Gone => {
                acts.push(Act::Refuse(waiter, Why::Gone));
                return acts;
            }
            Phase::Running | Phase::Rerun | Phase::Ended(_) => {}
        }
        if let Some(before) = self.waiter.replace(waiter) {
            acts.push(Act::Refuse(before, Why::Replaced));
        }
        self.until = None;
        if matches!(self.phase, Phase::Rerun) {
            self.retry_urls(now, given, &mut acts);
            return acts;
        }
        for (key, _) in given {
            if let Some(at) = self.open.iter().position(|o| o.key == *key) {
                let open = self.open.remove(at);
                acts.push(Act::Answer(open.key, open.question));
            }
        }
        if matches!(self.phase, Phase::Ended(_)) {
            // What it does not answer it need not: the call has ended in any case.
            acts.extend(self.open.drain(..).map(|o| Act::Dismiss(o.question)));
            self.give(now, &mut acts);
        } else if self.open.is_empty() {
            self.window = None;
        } else if self.window.is_none() || self.open.iter().any(|o| o.key <= self.shown) {
            self.tell(now, &mut acts);
        }
        acts
    }

    fn retry_urls(&mut self, now: Instant, given: Given<'_>, acts: &mut Acts<W, Q, R>) {
        for (key, says_yes) in given {
            let Some(open) = self.open.iter_mut().find(|o| o.key == *key) else { continue };
            if !says_yes {
                self.open.clear();
                acts.extend(self.waiter.take().map(Act::Declined));
                acts.push(Act::Forget);
                return;
            }
            open.is_done = true;
        }
        if self.asked().next().is_some() {
            return self.tell(now, acts);
        }
        self.open.clear();
        self.phase = Phase::Running;
        if let Some(waiter) = self.waiter.take() {
            acts.push(Act::Rerun(waiter));
        }
    }

    /// The call runs again, for this one.
    pub(super) fn reruns(&mut self, waiter: W) {
        self.waiter = Some(waiter);
    }

    /// Whoever waits has hung up, or does not want it any more.
    pub(super) fn leave(&mut self, is_it: impl Fn(&W) -> bool) -> Acts<W, Q, R> {
        if self.waiter.as_ref().is_none_or(|w| !is_it(w)) {
            return Vec::new();
        }
        self.waiter = None;
        self.stop()
    }

    /// Ends it: nobody will come any more.
    pub(super) fn stop(&mut self) -> Acts<W, Q, R> {
        let mut acts: Acts<W, Q, R> = self.open.drain(..).map(|o| Act::Dismiss(o.question)).collect();
        self.window = None;
        if matches!(self.phase, Phase::Running) {
            acts.push(Act::Cancel);
        }
        acts.push(Act::Forget);
        acts
    }

    /// A moment that was waited for has come.
    pub(super) fn due(&mut self, now: Instant) -> Acts<W, Q, R> {
        let mut acts = Vec::new();
        if self.window.is_some_and(|at| at <= now) {
            match self.phase {
                _ if !self.open.is_empty() => self.tell(now, &mut acts),
                // What it was kept back for was taken back.
                Phase::Ended(_) => self.give(now, &mut acts),
                _ => self.window = None,
            }
        }
        if self.until.is_some_and(|at| at <= now) && self.waiter.is_none() {
            acts.extend(self.stop());
        }
        acts
    }

    /// Tells whoever waits what is open. From now on nobody waits.
    fn tell(&mut self, now: Instant, acts: &mut Acts<W, Q, R>) {
        self.window = None;
        let Some(waiter) = self.waiter.take() else { return };
        self.shown = self.n_keys;
        self.until = now.checked_add(match self.phase {
            Phase::Ended(_) => KEPT,
            _ => self.patience,
        });
        acts.push(Act::Ask(waiter));
    }

    /// Gives the end to whoever waits. Who was never asked has nothing to come again with.
    fn give(&mut self, now: Instant, acts: &mut Acts<W, Q, R>) {
        self.window = None;
        let Some(to) = self.waiter.take() else { return };
        let phase = std::mem::replace(&mut self.phase, Phase::Gone);
        let Phase::Ended(end) = phase else {
            self.phase = phase;
            return;
        };
        acts.push(Act::Give { to, end: end.clone(), again: false });
        if self.shown == 0 {
            return acts.push(Act::Forget);
        }
        self.phase = Phase::Told(end);
        self.until = now.checked_add(KEPT);
    }
}
