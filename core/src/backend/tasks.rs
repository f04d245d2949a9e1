//! [`Tasks`]: the tasks that servers have made for clients: the ids clients know them by, whose they are, and where they run.
//!
//! Bounded, and only a help: an id says whose its task is without being found here ([`TaskIds`]). What is lost with it is where the
//! task runs, where there is more than one instance, and its place in its client's list. Locked for as long as a look takes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use foldhash::HashMap;

use super::peer::{Peer, Principal};
use super::port::Port;
use super::task_id::{Opened, TaskIds};
use crate::protocol::{CallId, Patch, Span, Spliced, walk};

/// Tasks known, at most: what is said of each takes a kilobyte or two.
const MAX_TASKS: usize = 4096;
/// The same for one principal, so that nobody takes all.
const MAX_OF_ONE: usize = 512;
/// Longest id of a server's that is kept; specimens in the wild have 16 to 64.
const MAX_ID: usize = 1024;
/// Most bytes kept of what a server said of a task.
pub(super) const MAX_SAID: usize = 4096;
/// A task is forgotten after this time at the latest, whatever its server says of its life.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Times that the instances of one server may give the same id and be told apart.
const MAX_AGAIN: u32 = 64;

/// The tasks of all clients.
#[derive(Debug)]
pub struct Tasks {
    ids: TaskIds,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// By the id its client knows.
    all: HashMap<Arc<str>, Task>,
    /// That id, by port and the server's own id.
    exposed: HashMap<(u64, Box<str>), Arc<str>>,
    /// Counts tasks, for their age.
    n_ever: u64,
}

#[derive(Debug)]
struct Task {
    own: Box<str>,
    place: Place,
    /// The session that made it, or has asked for it last.
    peer: Arc<Peer>,
    /// The call that made it.
    call: CallId,
    /// What the server said of it last, as raw JSON with the server's own id.
    said: Option<Bytes>,
    is_over: bool,
    until: Instant,
    number: u64,
}

/// One instance, for as long as it runs.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) port: Arc<Port>,
    pub(super) generation: u64,
}

impl Place {
    fn is(&self, other: &Self) -> bool {
        self.port.number == other.port.number && self.generation == other.generation
    }

    /// Whether the instance still runs, as far as its port says.
    fn is_there(&self) -> bool {
        !self.port.mailbox.is_closed()
            && self.port.generation.load(std::sync::atomic::Ordering::Relaxed) == self.generation
    }
}

/// A task that has just been made.
pub(super) struct Made<'a> {
    pub(super) own: &'a str,
    pub(super) place: Place,
    pub(super) peer: Arc<Peer>,
    pub(super) call: CallId,
    /// The server's word on it, as raw JSON.
    pub(super) said: Bytes,
    pub(super) ttl: Option<Duration>,
}

/// Where a task is asked about, and whose it is.
#[derive(Clone, Debug)]
pub struct Found {
    /// The instance that has it, if that is known and still there.
    pub port: Option<Arc<Port>>,
    /// The call that made it.
    pub call: Option<CallId>,
}

impl Tasks {
    /// None yet; clients know them by these ids.
    #[must_use]
    pub fn new(ids: TaskIds) -> Self {
        Self { ids, known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the id `exposed` stands for, if it is one of this principal's.
    #[must_use]
    pub fn open<'a>(&self, principal: &Principal, exposed: &'a str) -> Option<Opened<'a>> {
        self.ids.open(principal, exposed)
    }

    /// A server has made a task for a client.
    pub(super) fn begin(&self, made: Made<'_>, now: Instant) {
        let Made { own, place, peer, call, said, ttl } = made;
        if own.len() > MAX_ID {
            return;
        }
        let mut known = self.lock();
        known.make_room(&peer.principal, now);
        let name = place.port.name().clone();
        let free = (0..MAX_AGAIN).find_map(|n| {
            let exposed: Arc<str> = self.ids.exposed(&peer.principal, &name, own, n)?.into();
            // Two instances that count their tasks from 1 have different tasks of one id.
            let is_free = known.all.get(&exposed).is_none_or(|t| t.place.is(&place));
            is_free.then_some(exposed)
        });
        let Some(exposed) = free else { return };
        known.n_ever += 1;
        let number = known.n_ever;
        let until = now + ttl.unwrap_or(LONGEST).min(LONGEST);
        known.exposed.insert((place.port.number, own.into()), exposed.clone());
        let said = Some(said).filter(|s| s.len() <= MAX_SAID).map(|s| Bytes::copy_from_slice(&s));
        known.all.insert(exposed, Task { own: own.into(), place, peer, call, said, is_over: false, until, number });
    }

    /// The id under which `principal` knows the task `own` of the server behind `port`.
    #[must_use]
    pub fn exposed(&self, principal: &Principal, port: &Port, own: &str) -> Option<Arc<str>> {
        let known = self.lock();
        let found = known.exposed.get(&(port.number, own.into()));
        match found.filter(|e| known.all.get(*e).is_some_and(|t| t.peer.principal == *principal)) {
            Some(exposed) => Some(exposed.clone()),
            None => self.ids.exposed(principal, port.name(), own, 0).map(Into::into),
        }
    }

    /// The id of the task `own` that the call `call` has made there.
    #[must_use]
    pub fn made_by(&self, call: CallId, port: &Port, own: &str) -> Option<Arc<str>> {
        let known = self.lock();
        let exposed = known.exposed.get(&(port.number, own.into()))?;
        known.all.get(exposed).is_some_and(|t| t.call == call).then(|| exposed.clone())
    }

    /// A client asks about its task `exposed`: where that is. What the server says of it goes to this session from now on.
    #[must_use]
    pub fn ask(&self, exposed: &str, peer: &Arc<Peer>) -> Found {
        let mut known = self.lock();
        let Some(task) = known.all.get_mut(exposed) else { return Found { port: None, call: None } };
        task.peer = peer.clone();
        let port = task.place.is_there().then(|| task.place.port.clone());
        Found { port, call: Some(task.call) }
    }

    /// Whose the task `own` of this instance is: the session, and the call that made it.
    pub(super) fn owner(&self, place: &Place, own: &str) -> Option<(Arc<Peer>, CallId)> {
        let known = self.lock();
        let task = known.all.get(known.exposed.get(&(place.port.number, own.into()))?)?;
        task.place.is(place).then(|| (task.peer.clone(), task.call))
    }

    /// A server has said how the task `own` stands.
    pub(super) fn says(&self, port: &Port, own: &str, said: &[u8], is_over: bool) {
        let mut known = self.lock();
        let Some(exposed) = known.exposed.get(&(port.number, own.into())).cloned() else { return };
        if let Some(task) = known.all.get_mut(&exposed) {
            task.is_over |= is_over;
            if said.len() <= MAX_SAID {
                task.said = Some(Bytes::copy_from_slice(said));
            }
        }
    }

    /// How many tasks have not ended, as far as their servers have said; by server. The lock is taken once for all of them.
    #[must_use]
    pub fn open_at(&self, now: Instant) -> HashMap<Arc<str>, usize> {
        let is_open = |t: &&Task| !t.is_over && t.until > now && t.place.is_there();
        let mut open = HashMap::default();
        for task in self.lock().all.values().filter(is_open) {
            *open.entry(task.place.port.name().clone()).or_default() += 1;
        }
        open
    }

    /// Tasks that clients have made since the start.
    #[must_use]
    pub fn n_ever(&self) -> u64 {
        self.lock().n_ever
    }

    /// The task `own` has ended in this way; how its server described it before holds otherwise.
    pub(super) fn ended(&self, port: &Port, own: &str, status: &str) {
        let mut known = self.lock();
        let Some(exposed) = known.exposed.get(&(port.number, own.into())).cloned() else { return };
        let Some(task) = known.all.get_mut(&exposed) else { return };
        task.is_over = true;
        task.said = task.said.as_ref().map(|said| with(said, "status", status));
    }

    /// The tasks of `peer`, oldest first, each as its server described it last. Who says no name sees those of its session.
    #[must_use]
    pub fn of(&self, peer: &Peer, now: Instant) -> Vec<Bytes> {
        let known = self.lock();
        let mut all: Vec<_> = known.all.iter().filter(|(_, t)| t.until > now && t.peer.is_same_user(peer)).collect();
        all.sort_unstable_by_key(|(_, t)| t.number);
        all.into_iter().filter_map(|(exposed, t)| Some(with(t.said.as_ref()?, "taskId", exposed))).collect()
    }
}

impl Known {
    /// Forgets what is over its time; where there are too many still, one: of those that have ended, the oldest.
    fn make_room(&mut self, principal: &Principal, now: Instant) {
        let is_full = |k: &Self| {
            let n_of_one = || k.all.values().filter(|t| t.peer.principal == *principal).count();
            (k.all.len() >= MAX_TASKS, k.all.len() >= MAX_OF_ONE && n_of_one() >= MAX_OF_ONE)
        };
        if is_full(self) == (false, false) {
            return;
        }
        let over: Vec<Arc<str>> = self.all.iter().filter(|(_, t)| t.until <= now).map(|(e, _)| e.clone()).collect();
        over.iter().for_each(|exposed| self.forget(exposed));
        let (all, of_one) = is_full(self);
        if all || of_one {
            let may_go = |t: &&Task| !of_one || t.peer.principal == *principal;
            let oldest = self.all.iter().filter(|(_, t)| may_go(t)).min_by_key(|(_, t)| (!t.is_over, t.number));
            if let Some(exposed) = oldest.map(|(e, _)| e.clone()) {
                self.forget(&exposed);
            }
        }
    }

    fn forget(&mut self, exposed: &Arc<str>) {
        let Some(task) = self.all.remove(exposed) else { return };
        let key = (task.place.port.number, task.own);
        // The same port may have another task of this id by now.
        if self.exposed.get(&key) == Some(exposed) {
            self.exposed.remove(&key);
        }
    }
}

/// What a server said of a task, with another value of this member.
fn with(said: &Bytes, key: &str, text: &str) -> Bytes {
    let all = Span { start: 0, end: u32::try_from(said.len()).unwrap_or(0) };
    let mut out = Spliced::new(said.clone());
    if let Some((_, place)) = walk::member(said, all, key) {
        out.patch(place, Patch::Bytes(serde_json::Value::from(text).to_string().into()));
    }
    out.to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Server;
    use crate::protocol::SessionId;
    use crate::transport::Mailbox;

    fn peer(id: u64, principal: Principal) -> Arc<Peer> {
        Arc::new(Peer::new(SessionId(id), principal, Mailbox::new(1)))
    }

    fn place() -> Place {
        Place { port: Arc::new(Port::new(Arc::new(Server::stdio("s", "true", &[])))), generation: 0 }
    }

    fn made<'a>(own: &'a str, place: &Place, peer: &Arc<Peer>, call: u64) -> Made<'a> {
        let said = format!(r#"{{"taskId":"{own}","status":"working"}}"#).into();
        Made { own, place: place.clone(), peer: peer.clone(), call: CallId(call), said, ttl: None }
    }

    fn tasks() -> Tasks {
        Tasks::new(TaskIds::new(None))
    }

    fn n(tasks: &Tasks) -> (usize, usize) {
        let known = tasks.lock();
        (known.all.len(), known.exposed.len())
    }

    #[test]
    fn a_task_is_found_by_either_id() {
        let (tasks, now, here) = (tasks(), Instant::now(), place());
        let a = peer(1, Principal::token("a"));
        tasks.begin(made("t~1", &here, &a, 7), now);
        let exposed = tasks.made_by(CallId(7), &here.port, "t~1").expect("made");
        assert_eq!(tasks.made_by(CallId(8), &here.port, "t~1"), None);
        assert_eq!(tasks.exposed(&a.principal, &here.port, "t~1"), Some(exposed.clone()));
        assert_eq!(tasks.open(&a.principal, &exposed).map(|o| (o.backend, o.own)), Some(("s", "t~1")));
        let found = tasks.ask(&exposed, &a);
        assert!(found.port.is_some_and(|p| Arc::ptr_eq(&p, &here.port)));
        assert_eq!(found.call, Some(CallId(7)));
        assert_eq!(tasks.owner(&here, "t~1").map(|(p, c)| (p.id, c)), Some((a.id, CallId(7))));
        let renewed = Place { generation: 1, ..here.clone() };
        assert!(tasks.owner(&renewed, "t~1").is_none(), "another instance has other tasks");
        // Of one that is not known the id is what it would have been.
        assert_eq!(
            tasks.open(&a.principal, &tasks.exposed(&a.principal, &here.port, "x").expect("an id")).map(|o| o.own),
            Some("x")
        );
    }

    #[test]
    fn an_instance_that_has_ended_is_not_asked() {
        let (tasks, now, here) = (tasks(), Instant::now(), place());
        let a = peer(1, Principal::token("a"));
        tasks.begin(made("1", &here, &a, 7), now);
        let exposed = tasks.made_by(CallId(7), &here.port, "1").expect("made");
        here.port.generation.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        assert!(tasks.ask(&exposed, &a).port.is_none());
        assert_eq!(tasks.ask(&exposed, &a).call, Some(CallId(7)), "it is still part of that");
    }

    #[test]
    fn ids_that_two_instances_give_are_two_tasks() {
        let (tasks, now) = (tasks(), Instant::now());
        let (x, y) = (place(), place());
        // Two clients that say no name: nothing else tells their tasks apart.
        let (a, b) = (peer(1, Principal::anonymous()), peer(2, Principal::anonymous()));
        tasks.begin(made("1", &x, &a, 7), now);
        tasks.begin(made("1", &y, &b, 8), now);
        let (of_a, of_b) =
            (tasks.made_by(CallId(7), &x.port, "1").expect("a"), tasks.made_by(CallId(8), &y.port, "1").expect("b"));
        assert_ne!(of_a, of_b);
        for (exposed, place) in [(&of_a, &x), (&of_b, &y)] {
            let at = tasks.lock().all[exposed].place.port.number;
            assert_eq!(at, place.port.number);
            assert_eq!(tasks.open(&a.principal, exposed).map(|o| o.own), Some("1"));
        }
        // The same instance means the same task.
        tasks.begin(made("1", &x, &a, 9), now);
        assert_eq!(tasks.made_by(CallId(9), &x.port, "1"), Some(of_a));
        assert_eq!(n(&tasks), (2, 2));
        let n_open = |name: &str| tasks.open_at(now).get(name).copied();
        assert_eq!((n_open("s"), n_open("t"), tasks.n_ever()), (Some(2), None, 3));
        tasks.ended(&x.port, "1", "completed");
        assert_eq!(n_open("s"), Some(1));
    }

    #[test]
    fn a_list_has_the_tasks_of_one_user_as_they_were_described_last() {
        let (tasks, now, here) = (tasks(), Instant::now(), place());
        let (a, b) = (peer(1, Principal::token("a")), peer(2, Principal::token("b")));
        let (again, anon) = (peer(3, Principal::token("a")), peer(4, Principal::anonymous()));
        for (i, (own, peer)) in [("1", &a), ("2", &b), ("3", &a), ("4", &anon)].into_iter().enumerate() {
            tasks.begin(made(own, &here, peer, i as u64), now);
        }
        tasks.says(&here.port, "3", br#"{ "status":"completed", "taskId" : "3" }"#, true);
        let list = |peer: &Peer| -> Vec<String> {
            tasks.of(peer, now).iter().map(|t| String::from_utf8_lossy(t).into_owned()).collect()
        };
        let of_a = list(&a);
        assert_eq!(of_a.len(), 2);
        let three = tasks.exposed(&a.principal, &here.port, "3").expect("known");
        assert_eq!(of_a[1], format!(r#"{{ "status":"completed", "taskId" : "{three}" }}"#));
        assert_eq!(list(&again), of_a, "another session of the same user");
        tasks.ended(&here.port, "1", "failed");
        assert!(list(&a)[0].ends_with(r#""status":"failed"}"#), "{:?}", list(&a));
        assert_eq!((list(&b).len(), list(&anon).len()), (1, 1));
        assert!(list(&peer(5, Principal::anonymous())).is_empty(), "somebody else without a name");
        assert!(tasks.of(&a, now + LONGEST).is_empty());
    }

    #[test]
    fn there_are_never_too_many() {
        let (tasks, now, here) = (tasks(), Instant::now(), place());
        let greedy = peer(1, Principal::token("greedy"));
        let modest = peer(2, Principal::token("modest"));
        tasks.begin(made("m", &here, &modest, 0), now);
        let ids: Vec<String> = (0..2 * MAX_OF_ONE).map(|n| n.to_string()).collect();
        for (i, own) in ids.iter().enumerate() {
            tasks.begin(made(own, &here, &greedy, i as u64), now);
            if i == 5 {
                tasks.says(&here.port, "5", b"{}", true);
            }
        }
        assert!(n(&tasks).0 <= MAX_OF_ONE + 1, "{:?}", n(&tasks));
        assert_eq!(n(&tasks).0, n(&tasks).1);
        assert!(tasks.owner(&here, "m").is_some(), "another's tasks stay");
        assert!(tasks.owner(&here, "5").is_none() && tasks.owner(&here, "0").is_none());
        assert!(tasks.owner(&here, ids.last().expect("some")).is_some(), "the newest is known");
        // What is over its time goes first.
        let short = Made { ttl: Some(Duration::ZERO), ..made("short", &here, &greedy, 1) };
        tasks.begin(short, now);
        tasks.begin(made("last", &here, &greedy, 2), now);
        assert!(tasks.owner(&here, "short").is_none());
        let long = "x".repeat(MAX_ID + 1);
        tasks.begin(made(&long, &here, &greedy, 3), now);
        assert!(tasks.owner(&here, &long).is_none());
    }
}
