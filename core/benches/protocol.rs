//! What scanning and splicing cost, beside the usual ways with `serde_json` in the same run: read the ratios.

#![expect(clippy::unwrap_used, reason = "a bench is no product code: a sample that does not parse must stop it")]

use bytes::Bytes;
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use mcp_proxy_core::protocol::{Field, Message, Patch, Spliced};
use serde::Deserialize;
use serde_json::value::RawValue;

fn main() {
    divan::main();
}

/// The messages everything is measured with.
const SAMPLES: [Sample; 7] = [
    Sample::Call,
    Sample::Answer,
    Sample::Text,
    Sample::EscapedText,
    Sample::JsonInText,
    Sample::Structured,
    Sample::ToolsList,
];

/// About the size of the large results.
const LARGE: usize = 1 << 20;

#[derive(Clone, Copy, Debug)]
enum Sample {
    /// A `tools/call` of about 100 bytes.
    Call,
    /// Its answer.
    Answer,
    /// A 1 MB text result without escapes.
    Text,
    /// A 1 MB text result with a newline every 60 characters.
    EscapedText,
    /// A 1 MB text result that is JSON itself: a quote to escape every few characters.
    JsonInText,
    /// A 1 MB structured result.
    Structured,
    /// A `tools/list` result of 100 tools, 41 kB.
    ToolsList,
}

impl Sample {
    fn bytes(self) -> Bytes {
        let text = |text: &str| {
            let text = serde_json::Value::from(text);
            format!(r#"{{"result":{{"content":[{{"type":"text","text":{text}}}]}},"jsonrpc":"2.0","id":7}}"#)
        };
        let row = |n: usize| {
            format!(
                r#"{{"id":{n},"name":"row number {n}","score":{}.25,"tags":["a","bb",null],"deep":{{"on":true}}}}"#,
                n % 100
            )
        };
        let rows = || {
            let rows = (0..).map(row).scan(0, |total, row| {
                *total += row.len() + 1;
                (*total < LARGE).then_some(row)
            });
            rows.collect::<Vec<_>>().join(",")
        };
        Bytes::from(match self {
            Self::Call => concat!(
                r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","#,
                r#""params":{"name":"demo__echo","arguments":{"text":"hi"}}}"#
            )
            .to_owned(),
            Self::Answer => text("hi, this is what the tool has to say"),
            Self::Text => text(&"lorem ipsum dolor sit amet ".repeat(LARGE / 27)),
            Self::EscapedText => {
                text(&"lorem ipsum dolor sit amet, consectetur adipiscing elit sed\n".repeat(LARGE / 61))
            }
            Self::JsonInText => text(&rows()),
            Self::Structured => {
                let rows = rows();
                format!(
                    r#"{{"result":{{"content":[],"structuredContent":{{"rows":[{rows}]}}}},"jsonrpc":"2.0","id":7}}"#
                )
            }
            Self::ToolsList => {
                let tool = |n: usize| {
                    let property = |name: &str| {
                        format!(r#""{name}":{{"type":"string","description":"what the tool needs to know of {name}"}}"#)
                    };
                    format!(
                        r#"{{"name":"tool_{n}","title":"Tool {n}","description":"does a thing, number {n}, and says so","inputSchema":{{"type":"object","properties":{{{},{},{}}},"required":["path"]}}}}"#,
                        property("path"),
                        property("mode"),
                        property("encoding"),
                    )
                };
                let tools: Vec<_> = (0..100).map(tool).collect();
                format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"tools":[{}]}}}}"#, tools.join(","))
            }
        })
    }
}

#[divan::bench(args = SAMPLES)]
fn scan(bencher: Bencher, sample: Sample) {
    let bytes = sample.bytes();
    bencher.counter(BytesCount::new(bytes.len())).bench(|| Message::parse(black_box(bytes.clone())));
}

/// The envelope as a serde struct over borrowed raw values: the usual quick way.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only read into")]
struct Envelope<'a> {
    jsonrpc: &'a str,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    method: Option<&'a str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only read into")]
struct Params<'a> {
    name: Option<&'a str>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    _meta: Option<&'a RawValue>,
}

#[divan::bench(args = SAMPLES)]
fn serde_envelope(bencher: Bencher, sample: Sample) {
    let bytes = sample.bytes();
    bencher.counter(BytesCount::new(bytes.len())).bench(|| {
        let envelope: Envelope<'_> = serde_json::from_slice(black_box(&bytes)).unwrap();
        black_box(&envelope);
    });
}

#[divan::bench(args = SAMPLES)]
fn serde_value(bencher: Bencher, sample: Sample) {
    let bytes = sample.bytes();
    bencher
        .counter(BytesCount::new(bytes.len()))
        .bench_local(|| serde_json::from_slice::<serde_json::Value>(black_box(&bytes)).unwrap());
}

/// Id and name of a small call: as one piece of bytes.
#[divan::bench]
fn splice_call(bencher: Bencher) {
    let message = Message::parse(Sample::Call.bytes()).unwrap();
    let name = Bytes::from_static(br#""echo""#);
    bencher.bench(|| spliced(black_box(&message), &name).to_bytes());
}

/// Id and name of a small call: into a buffer that is used again.
#[divan::bench]
fn splice_call_into_buffer(bencher: Bencher) {
    let message = Message::parse(Sample::Call.bytes()).unwrap();
    let name = Bytes::from_static(br#""echo""#);
    let mut buffer = Vec::with_capacity(1024);
    bencher.bench_local(move || {
        buffer.clear();
        spliced(black_box(&message), &name).for_each_run(|run| buffer.extend_from_slice(run.bytes()));
        buffer.len()
    });
}

fn spliced(message: &Message, name: &Bytes) -> Spliced {
    let mut spliced = Spliced::new(message.raw().clone());
    if let Some(span) = message.span(Field::Id) {
        spliced.patch(span, Patch::Number(123_456));
    }
    if let Some(span) = message.span(Field::Name) {
        spliced.patch(span, Patch::Bytes(name.clone()));
    }
    spliced
}
