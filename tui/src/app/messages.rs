//! What was said here and what happened to servers, by time: for whoever looked away.

use std::time::SystemTime;

use mcp_proxy_core::control::NoticeLevel;

use super::model::Model;
use super::popup::Popup;
use super::theme::Tone;
use crate::widgets::number;
use crate::widgets::wrapped::Wrapped;

/// Time and word before each message.
const HEAD: usize = "14:02:31  error  ".len();

/// Opens it, at its end.
pub(crate) fn open(model: &mut Model) {
    let text = text(model);
    let text = Wrapped::hanging(text, HEAD);
    model.popups.push(Popup::Reader { title: "Messages".to_owned(), text, top: usize::MAX });
}

/// One line each, the oldest first.
fn text(model: &Model) -> String {
    let mut lines: Vec<(SystemTime, String)> = Vec::new();
    for (at, toast) in &model.told {
        // The symbol stands in the text already; a word for who reads without.
        let word = match toast.tone {
            Tone::Bad => "error",
            Tone::Warn => "warn ",
            _ => "said ",
        };
        lines.push((*at, format!("{word}  {}", toast.text)));
    }
    for notice in model.snapshot.iter().flat_map(|s| &s.notices) {
        let word = match notice.level {
            NoticeLevel::Info => "info ",
            NoticeLevel::Warning => "warn ",
            NoticeLevel::Error => "error",
        };
        let whose = notice.backend.as_ref().map_or_else(String::new, |b| format!("{b}: "));
        lines.push((notice.at, format!("{word}  {whose}{}", notice.text)));
    }
    lines.sort_by_key(|(at, _)| *at);
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(at, line)| {
            // Only the first line of a message has a head; the others stand where it ends.
            let line = line.replace('\n', &format!("\n{}", " ".repeat(HEAD)));
            format!("{}  {line}", number::time_of_day(at, model.utc_offset, false))
        })
        .collect();
    if lines.is_empty() { "Nothing was said yet.".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use crate::app::popup::Popup;
    use crate::app::theme::Tone;
    use crate::driver::Driver;

    #[test]
    fn what_was_said_can_be_read_again() {
        let mut d = Driver::new((120, 40));
        d.model.say(Tone::Bad, "it went wrong");
        d.keys("j f3");
        let Some(Popup::Reader { text, .. }) = d.model.popups.last() else { panic!("open") };
        let last = text.lines().last().unwrap_or_default();
        assert!(last.ends_with("error  it went wrong"), "{}", &**text);
        assert!(text.contains("broken: failed 5 times in a row"));
        d.keys("esc");
        d.model.say(Tone::Bad, "first\nsecond is longer than the head: schön");
        d.keys("f3");
        let Some(Popup::Reader { text, .. }) = d.model.popups.last() else { panic!("open") };
        let lines = text.wrapped(45);
        let tail: Vec<&str> = lines.iter().rev().take(3).map(|l| l.get(super::HEAD..).unwrap_or_default()).collect();
        assert_eq!(tail, ["head: schön", "second is longer than the", "first"], "{lines:?}");
        d.keys("esc");
        assert!(d.model.popups.is_empty());
        for i in 0..1000 {
            d.model.say(Tone::Plain, format!("line {i}"));
        }
        assert_eq!(d.model.told.len(), super::super::model::N_TOLD);
    }
}
