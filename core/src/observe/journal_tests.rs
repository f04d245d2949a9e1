//! The ring: what is kept, for how long, and that it comes out as it was put in.

use super::super::flow::{FlowKind, Frames};
use super::super::names::NAMES_BYTES;
use super::super::row::ROW_BYTES;
use super::*;
use crate::protocol::{Patch, Span};

fn ok(journal: &mut Journal, id: u64, returned: &Bytes, answered: &Spliced) {
    journal.end(CallId(id), &Status::Ok, Timing::default(), Some(returned), Some(answered));
}

fn flow(n_bytes: usize) -> Flow {
    let mut flow = Flow::at(FlowKind::Call, "ping".into(), SystemTime::UNIX_EPOCH);
    flow.frames.received = Some(Bytes::from(vec![b'x'; n_bytes]));
    flow
}

#[test]
fn rounds_are_kept_within_the_bytes_and_the_first_one_longest() {
    let mut journal = Journal::new(100, 64_000);
    let other = journal.push(flow(10));
    let id = journal.push(flow(900));
    for n in 0..100 {
        journal.turn(id, SystemTime::UNIX_EPOCH, Some(&Bytes::from(vec![b'0' + n % 10; 700])), None);
        journal.received_again(id, &Bytes::from(vec![b'x'; 10]));
    }
    let row = journal.get(id).expect("the newest stays");
    assert_eq!((row.n_rounds, row.rounds.len()), (100, 32));
    assert!(row.rounds[0].frames.received.is_some(), "what it was about");
    assert_eq!(row.frames.received.as_deref(), Some(&b"xxxxxxxxxx"[..]));
    let kept: usize = row.rounds.iter().map(|r| r.frames.returned.as_ref().map_or(0, Bytes::len)).sum();
    assert!((8_000..=16_000).contains(&kept), "{kept}");
    assert!(journal.get(other).is_some(), "others are not pushed out");
    let told: usize = journal.blocks.iter().flatten().map(Row::n_bytes).sum();
    assert_eq!(journal.n_bytes, told);
}

#[test]
fn keeps_the_newest_by_count() {
    let mut journal = Journal::new(3, usize::MAX);
    for _ in 0..5 {
        journal.push(flow(1));
    }
    let window = journal.window(CallId(0), 10);
    assert_eq!(window.rows.iter().map(|f| f.id.0).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!((window.first, window.next), (CallId(2), CallId(5)));
    assert!(journal.get(CallId(1)).is_none());
}

#[test]
fn keeps_the_newest_by_bytes_and_counts_updates() {
    let mut journal = Journal::new(100, 3 * (ROW_BYTES + NAMES_BYTES + 50));
    for _ in 0..3 {
        journal.push(flow(50));
    }
    assert_eq!(journal.window(CallId(0), 10).rows.len(), 3);
    let answer = Bytes::from(vec![0; 50]);
    ok(&mut journal, 2, &answer, &Spliced::new(answer.clone()));
    assert_eq!(journal.window(CallId(0), 10).rows.len(), 2, "the oldest goes when a younger one grows");
}

#[test]
fn a_large_frame_is_not_kept_but_its_row_is() {
    let mut journal = Journal::new(100, 16_000);
    let id = journal.push(flow(1001));
    assert!(journal.get(id).is_some_and(|f| f.frames.received.is_none()));
    let id = journal.push(flow(1000));
    assert!(journal.get(id).is_some_and(|f| f.frames.received.is_some()));
}

#[test]
fn tells_what_changed_or_that_it_cannot() {
    let mut journal = Journal::new(100_000, usize::MAX);
    journal.push(flow(0));
    journal.push(flow(0));
    let (_, version) = journal.changes_since(0);
    journal.progress(CallId(0));
    assert_eq!(journal.changes_since(version), (Some(vec![CallId(0)]), version + 1));
    for _ in 0..=N_CHANGES {
        journal.push(flow(0));
    }
    assert_eq!(journal.changes_since(version).0, None);
}

#[test]
fn what_is_put_in_comes_out_whatever_came_between() {
    let mut journal = Journal::new(1000, usize::MAX);
    let request = |i: u64| Bytes::from(format!(r#"{{"id":{i},"x":"{}"}}"#, "x".repeat(i as usize * 7)));
    let span = Span { start: 6, end: 7 };
    let passed = |i: u64| {
        let mut passed = Spliced::new(request(i));
        passed.patch(span, Patch::Number(i + 1000));
        passed
    };
    let mut own = flow(0);
    own.frames = Frames { sent: Some(Spliced::new(request(5))), ..Frames::default() };
    journal.push(own);
    for i in 1..500 {
        let mut flow = flow(0);
        flow.frames.received = Some(request(i));
        let id = journal.push(flow);
        journal.sent(id, i, &passed(i));
        if i > 3 {
            // Calls end in another order than they begin.
            ok(&mut journal, (i - 3) ^ 1, &request(i), &passed(i));
        }
    }
    let text = |s: Option<Spliced>| s.map(|s| s.to_bytes());
    let first = journal.get(CallId(0)).expect("kept").frames;
    assert_eq!((first.received, text(first.sent)), (None, Some(request(5))));
    for i in 10..400_u64 {
        let flow = journal.get(CallId(i)).expect("kept");
        assert_eq!((flow.id, flow.wire_id, flow.status), (CallId(i), Some(i), Status::Ok));
        let (frames, end) = (flow.frames, (i ^ 1) + 3);
        assert_eq!((frames.received, text(frames.sent)), (Some(request(i)), Some(passed(i).to_bytes())));
        assert_eq!((frames.returned, text(frames.answered)), (Some(request(end)), Some(passed(end).to_bytes())));
    }
}

#[test]
fn a_ring_that_turns_keeps_its_bounds() {
    let mut journal = Journal::new(1_000_000, 200_000);
    for i in 0..20_000 {
        let id = journal.push(flow(i % 900));
        journal.sent(id, 1, &Spliced::new(Bytes::from(vec![b'x'; i % 900])));
        let kept: usize = (journal.first..journal.next).filter_map(|i| Some(journal.row(CallId(i))?.n_bytes())).sum();
        assert!(kept == journal.n_bytes && kept <= 200_000);
        assert!(journal.blocks.len() as u64 <= (journal.next - journal.first) / BLOCK + 2);
    }
    let oldest = journal.window(CallId(0), 1).rows.remove(0).id;
    assert!(journal.get(oldest).is_some_and(|f| f.frames.received.is_some() && f.frames.sent.is_some()));
}

#[test]
fn a_frame_made_here_is_kept_as_it_was_passed_on() {
    let mut journal = Journal::new(10, usize::MAX);
    journal.push(flow(3));
    let list = Bytes::from(vec![b'l'; 100_000]);
    let mut answered = Spliced::new(list.clone());
    answered.patch(Span { start: 0, end: 0 }, Patch::Bytes(Bytes::from_static(b"id")));
    journal.end(CallId(0), &Status::Ok, Timing::default(), None, Some(&answered));
    let frames = journal.get(CallId(0)).expect("kept").frames;
    assert_eq!((frames.returned, frames.answered.map(|a| a.to_bytes())), (None, Some(answered.to_bytes())));
}

#[test]
fn what_has_not_ended_is_at_hand_where_somebody_looks() {
    let mut journal = Journal::new(4, usize::MAX);
    let (first, second) = (journal.push(flow(1)), journal.push(flow(1)));
    let ids = |journal: &Journal| journal.open(10).iter().map(|f| f.id).collect::<Vec<_>>();
    assert_eq!(ids(&journal), [], "nobody looks yet");
    let end = |journal: &mut Journal, id| journal.end(id, &Status::Ok, Timing::default(), None, None);
    end(&mut journal, first);
    journal.keep_open();
    assert_eq!(ids(&journal), [second]);
    let third = journal.push(flow(1));
    journal.push(Flow { status: Status::Sent, ..flow(1) });
    assert_eq!(ids(&journal), [second, third]);
    assert_eq!(journal.open(1).len(), 1);
    end(&mut journal, third);
    let fifth = journal.push(flow(1));
    journal.push(flow(1));
    assert_eq!(ids(&journal)[0], fifth, "the second one has left the ring");
}
