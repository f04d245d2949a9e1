//! [`Tree`]: a process with everything that came from it, found and signalled without hitting a stranger.
//!
//! Where there is a Linux-like `/proc` the tree is the leader's process group plus all descendants by parent, also those
//! that changed group or session; each member is known by pid *and* start time, so a pid that was given to another
//! process meanwhile is never hit. Elsewhere (macOS) it is the process group alone.
//!
//! What left the tree on purpose (a daemon: new session, and its parent gone before we looked) is not ours to end: a
//! browser that a server opened belongs to the user. Never waits, never reaps.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::str;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, test_kill_process_group, waitpid};

/// What `/proc/PID/stat` fits in, the longest program name included.
const STAT_BYTES: usize = 1024;

/// A leader and what is known of its descendants.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    leader: Pid,
    /// When the leader started, in the kernel's ticks; `None` without `/proc`.
    start: Option<u64>,
    /// Members seen alive at the last look, by pid.
    members: BTreeMap<i32, Member>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    start: u64,
    /// It is in the leader's process group.
    in_group: bool,
}

/// The part of `/proc/PID/stat` that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    pid: i32,
    parent: i32,
    group: i32,
    start: u64,
    /// It has ended and waits for its parent to notice.
    zombie: bool,
}

impl Tree {
    /// The tree of a process just started as leader of its own group. `None` if `pid` cannot be one.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let leader = Pid::from_raw(i32::try_from(pid).ok()?)?;
        Some(Self { leader, start: read_stat(leader.as_raw_pid()).map(|s| s.start), members: BTreeMap::new() })
    }

    /// The tree of a process recorded earlier.
    pub(super) fn recorded(pid: u32, start: Option<u64>) -> Option<Self> {
        let leader = Pid::from_raw(i32::try_from(pid).ok()?)?;
        Some(Self { leader, start, members: BTreeMap::new() })
    }

    /// When the leader started; `None` without `/proc`.
    pub(super) fn start(&self) -> Option<u64> {
        self.start
    }

    /// Looks again at who belongs to the tree; false when nobody is left. Reads all of `/proc`: a few microseconds for
    /// each process of the machine. Reaps members that the system gave us as children (we are the first process of a
    /// container), since nobody else would.
    pub(super) fn refresh(&mut self) -> bool {
        match scan() {
            Some(all) => {
                self.take(&all);
                !self.members.is_empty()
            }
            None => self.group_exists(),
        }
    }

    /// Whether somebody may be left, for a few system calls: false is certain of all that [`Tree::refresh`] ever saw.
    pub(super) fn may_live(&self) -> bool {
        self.group_exists() || self.members.iter().any(|(pid, member)| lives(*pid, member.start))
    }

    /// Sends a signal once to everybody: to the group as a whole, so that nobody born since the last look is missed, as
    /// long as its number is certainly still ours; to each of the others by itself. (Once, because many programs take a
    /// second TERM for impatience and skip what they do at the end.)
    pub(super) fn signal(&self, signal: Signal) {
        let whole = self.leader_holds_group();
        if whole {
            // It may be gone this very moment: there is nothing to do about it then.
            let _ = kill_process_group(self.leader, signal);
        }
        for (pid, member) in self.members.iter().filter(|(_, member)| !(whole && member.in_group)) {
            signal_exactly(*pid, member.start, signal);
        }
    }

    fn group_exists(&self) -> bool {
        match test_kill_process_group(self.leader) {
            Ok(()) => true,
            // On Linux a group that changed its user, on macOS one of zombies only.
            Err(Errno::PERM) => self.start.is_some(),
            Err(_) => false,
        }
    }

    /// While the leader has not been reaped, no other process can get its number, and no other group.
    fn leader_holds_group(&self) -> bool {
        match self.start {
            Some(start) => read_stat(self.leader.as_raw_pid()).is_some_and(|s| s.start == start),
            None => true,
        }
    }

    fn take(&mut self, all: &[Stat]) {
        let leader = self.leader.as_raw_pid();
        let by_pid: BTreeMap<i32, &Stat> = all.iter().map(|s| (s.pid, s)).collect();
        let is = |pid: i32, start: u64| by_pid.get(&pid).is_some_and(|s| s.start == start);
        // Somebody else with the leader's number: the group of that number is not ours either.
        let stranger = by_pid.get(&leader).is_some_and(|s| self.start.is_some_and(|start| s.start != start));
        let known = self.members.iter().filter(|(pid, member)| is(**pid, member.start));
        let mut tree: BTreeSet<i32> = known.map(|(pid, _)| *pid).collect();
        if !stranger {
            tree.extend(all.iter().filter(|s| s.pid == leader || s.group == leader).map(|s| s.pid));
        }
        // A parent may come later in the list than its child: go on until nobody is added.
        loop {
            let before = tree.len();
            let children = all.iter().filter(|s| tree.contains(&s.parent)).map(|s| s.pid).collect::<Vec<_>>();
            tree.extend(children);
            if tree.len() == before {
                break;
            }
        }
        let (gone, alive): (Vec<&Stat>, Vec<&Stat>) =
            tree.iter().filter_map(|p| by_pid.get(p).copied()).partition(|s| s.zombie);
        self.members = alive.iter().map(|s| (s.pid, Member { start: s.start, in_group: s.group == leader })).collect();
        for stat in gone.iter().filter(|s| s.pid != leader) {
            reap_if_ours(stat);
        }
    }
}

/// The leader is reaped by whoever started it; other members are our children only if they lost their parent and we are
/// who the system gives such to.
fn reap_if_ours(stat: &Stat) {
    if u32::try_from(stat.parent) == Ok(std::process::id()) {
        let _ = waitpid(Pid::from_raw(stat.pid), WaitOptions::NOHANG);
    }
}

/// Signals the process only if it is still the one that started then.
#[cfg(target_os = "linux")]
fn signal_exactly(pid: i32, start: u64, signal: Signal) {
    use rustix::process::{PidfdFlags, pidfd_open, pidfd_send_signal};
    let Some(number) = Pid::from_raw(pid) else { return };
    match pidfd_open(number, PidfdFlags::empty()) {
        // The descriptor holds on to one process: what is checked after opening it cannot change any more.
        Ok(process) => {
            if lives(pid, start) {
                let _ = pidfd_send_signal(process, signal);
            }
        }
        Err(Errno::SRCH) => {}
        // A kernel or a sandbox without pidfd.
        Err(_) => signal_by_number(number, start, signal),
    }
}

/// Signals the process only if it is still the one that started then.
#[cfg(not(target_os = "linux"))]
fn signal_exactly(pid: i32, start: u64, signal: Signal) {
    if let Some(number) = Pid::from_raw(pid) {
        signal_by_number(number, start, signal);
    }
}

fn signal_by_number(pid: Pid, start: u64, signal: Signal) {
    if lives(pid.as_raw_pid(), start) {
        let _ = kill_process(pid, signal);
    }
}

fn lives(pid: i32, start: u64) -> bool {
    read_stat(pid).is_some_and(|s| s.start == start && !s.zombie)
}

/// All processes; `None` without a Linux-like `/proc`.
fn scan() -> Option<Vec<Stat>> {
    let me = i32::try_from(std::process::id()).ok()?;
    read_stat(me)?;
    let names = fs::read_dir("/proc").ok()?;
    Some(names.filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok()).filter_map(read_stat).collect())
}

fn read_stat(pid: i32) -> Option<Stat> {
    let mut bytes = [0; STAT_BYTES];
    // The kernel makes the whole line at one read.
    let n = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut bytes).ok()?;
    parse_stat(pid, &bytes[..n])
}

/// proc(5): `pid (name) state ppid pgrp session ... starttime(22nd) ...`; the name may hold anything, brackets too.
fn parse_stat(pid: i32, line: &[u8]) -> Option<Stat> {
    let after_name = line.iter().rposition(|b| *b == b')')?;
    let mut fields = str::from_utf8(&line[after_name + 1..]).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let start = fields.nth(16)?.parse().ok()?;
    Some(Stat { pid, parent, group, start, zombie: matches!(state, "Z" | "X" | "x") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: i32, parent: i32, group: i32, start: u64) -> Stat {
        Stat { pid, parent, group, start, zombie: false }
    }

    fn tree(pid: u32, start: u64, members: &[(i32, u64)]) -> Tree {
        let mut tree = Tree::recorded(pid, Some(start)).unwrap();
        tree.members = members.iter().map(|(pid, start)| (*pid, Member { start: *start, in_group: true })).collect();
        tree
    }

    fn check(mut tree: Tree, all: &[Stat], expected: &[i32]) {
        tree.take(all);
        assert_eq!(tree.members.keys().copied().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_name_with_brackets_and_spaces_is_skipped() {
        let line = b"77 (a) R 1 (b) S 5 6 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1000 1 2";
        assert_eq!(parse_stat(77, line), Some(stat(77, 5, 6, 4242)));
        assert_eq!(parse_stat(77, b"77 (a"), None);
        assert_eq!(parse_stat(77, b"77 (a) S 5 6"), None);
    }

    #[test]
    fn zombies_are_gone() {
        let line = b"77 (a) Z 5 6 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1000 1 2";
        let zombie = parse_stat(77, line).unwrap();
        assert!(zombie.zombie);
        check(tree(77, 4242, &[]), &[zombie], &[]);
    }

    #[test]
    fn descendants_in_other_groups_belong_to_it() {
        let all = [stat(9, 12, 9, 3), stat(10, 1, 10, 1), stat(12, 10, 12, 2), stat(20, 1, 20, 1)];
        check(tree(10, 1, &[]), &all, &[9, 10, 12]);
    }

    #[test]
    fn the_group_outlives_its_leader() {
        check(tree(10, 1, &[]), &[stat(11, 1, 10, 2), stat(13, 11, 13, 4), stat(20, 1, 20, 1)], &[11, 13]);
    }

    #[test]
    fn members_seen_before_stay_when_their_parent_is_gone() {
        check(tree(10, 1, &[(10, 1), (12, 2)]), &[stat(12, 1, 12, 2), stat(14, 12, 12, 5)], &[12, 14]);
    }

    #[test]
    fn a_reused_number_is_a_stranger() {
        // The leader's number, its group, and a member's number have all been given to others.
        let all = [stat(10, 1, 10, 9), stat(11, 10, 10, 9), stat(12, 1, 12, 9)];
        check(tree(10, 1, &[(10, 1), (12, 2)]), &all, &[]);
    }
}
