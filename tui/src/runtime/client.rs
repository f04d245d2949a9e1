//! A client of the proxy in memory, for calls made from the catalog: the same way as any client's.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use mcp_proxy_core::protocol::CallId;
use mcp_proxy_core::transport::Link;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use crate::app::msg::Msg;
use crate::json::scan;

/// The edition we speak.
const REVISION: &str = "2025-11-25";
/// Longest answer taken.
const MAX_LINE: u64 = 64 * 1024 * 1024;

/// Calls that are made again are counted by themselves, from this number on.
pub(super) const REPLAYS: u64 = 1 << 62;

/// What the client is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Make a call.
    Call { seq: u64, method: String, params: String },
    /// Make a call again that stands in the journal.
    Again { of: CallId, n: u64, method: String, params: String },
    /// Cancel it.
    Cancel(u64),
}

/// Serves orders until their sender is gone or the proxy ends the link. Answers go to `out`.
pub(super) async fn run(link: Link, mut orders: mpsc::Receiver<Order>, out: mpsc::Sender<Msg>) {
    let mut client = Client { open: HashMap::new(), waiting: Vec::new(), ready: false };
    let why = match client.serve(link, &mut orders, &out).await {
        Ok(()) => "the proxy ended the connection".to_owned(),
        Err(error) => format!("the connection to the proxy broke: {error}"),
    };
    orders.close();
    let waiting = client.waiting.into_iter().map(|w| (w.seq, Instant::now()));
    for (seq, since) in client.open.into_iter().chain(waiting) {
        let _ = out.send(Msg::Answer { seq, result: Err(why.clone()), took: since.elapsed() }).await;
    }
}

struct Client {
    /// Calls without an answer yet. Their number is their id on the wire.
    open: HashMap<u64, Instant>,
    /// Calls that came before the opening talk was over.
    waiting: Vec<Waiting>,
    ready: bool,
}

/// A call that is to be made.
struct Waiting {
    seq: u64,
    /// Its id on the wire, as raw JSON.
    id: String,
    method: String,
    params: String,
}

impl Order {
    fn call(self) -> Result<Waiting, u64> {
        match self {
            Self::Call { seq, method, params } => Ok(Waiting { seq, id: seq.to_string(), method, params }),
            Self::Again { of, n, method, params } => Ok(Waiting { seq: REPLAYS + n, id: of.replay(n), method, params }),
            Self::Cancel(seq) => Err(seq),
        }
    }
}

impl Client {
    async fn serve(
        &mut self,
        link: Link,
        orders: &mut mpsc::Receiver<Order>,
        out: &mpsc::Sender<Msg>,
    ) -> std::io::Result<()> {
        let mut reader = BufReader::new(link.reader);
        let mut writer = link.writer;
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": REVISION,
            "capabilities": {},
            "clientInfo": {"name": "terminal", "version": env!("CARGO_PKG_VERSION")},
        }});
        write(&mut writer, &hello.to_string()).await?;
        let mut line = Vec::new();
        loop {
            let room = MAX_LINE.saturating_sub(line.len() as u64);
            if room == 0 {
                return Err(std::io::Error::other("an answer is longer than 64 MiB"));
            }
            let mut limited = (&mut reader).take(room);
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    None => return Ok(()),
                    Some(order) => match order.call() {
                        Ok(call) if self.ready => self.call(&mut writer, &call).await?,
                        Ok(call) => self.waiting.push(call),
                        Err(seq) => {
                            self.waiting.retain(|w| w.seq != seq);
                            if self.open.remove(&seq).is_some() {
                                let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                                    "params": {"requestId": seq, "reason": "cancelled in the terminal"}});
                                write(&mut writer, &cancel.to_string()).await?;
                            }
                        }
                    },
                },
                // `line` keeps what was read when another arm wins.
                read = limited.read_until(b'\n', &mut line) => {
                    if read? == 0 {
                        return Ok(());
                    }
                    if !line.ends_with(b"\n") {
                        continue;
                    }
                    let frame = Bytes::from(std::mem::take(&mut line));
                    self.take(&mut writer, frame, out).await?;
                }
            }
        }
    }

    async fn call(&mut self, writer: &mut (impl AsyncWriteExt + Unpin), call: &Waiting) -> std::io::Result<()> {
        self.open.insert(call.seq, Instant::now());
        let method = Value::from(call.method.as_str());
        // `params` is JSON made by the form or checked after the editor: numbers stay as they were typed.
        let (id, params) = (&call.id, &call.params);
        write(writer, &format!(r#"{{"jsonrpc":"2.0","id":{id},"method":{method},"params":{params}}}"#)).await
    }

    async fn take(
        &mut self,
        writer: &mut (impl AsyncWriteExt + Unpin),
        frame: Bytes,
        out: &mpsc::Sender<Msg>,
    ) -> std::io::Result<()> {
        let member = |name: &[u8]| {
            let root = scan::value(&frame, 0)?;
            let child = scan::children(&frame, root).find(|c| c.key.is_some_and(|(s, e)| &frame[s..e] == name))?;
            Some(frame.slice(child.value.start..child.value.end))
        };
        let id = member(b"\"id\"");
        if member(b"\"method\"").is_some() {
            // We declared nothing: only a ping may be asked of us.
            if let Some(id) = id {
                let id = String::from_utf8_lossy(&id).into_owned();
                let ping = member(b"\"method\"").is_some_and(|m| &*m == b"\"ping\"");
                let answer = if ping {
                    r#""result":{}"#
                } else {
                    r#""error":{"code":-32601,"message":"the terminal answers no requests"}"#
                };
                write(writer, &format!(r#"{{"jsonrpc":"2.0","id":{id},{answer}}}"#)).await?;
            }
            return Ok(());
        }
        let number = |id: &[u8]| std::str::from_utf8(id).ok().and_then(|t| t.parse::<u64>().ok());
        let seq = id.and_then(|id| number(&id).or_else(|| CallId::replayed(&id).map(|(_, n)| REPLAYS + n)));
        let Some(seq) = seq else { return Ok(()) };
        if seq == 0 && !self.ready {
            if let Some(error) = member(b"\"error\"") {
                let error: Value = serde_json::from_slice(&error).unwrap_or_default();
                let why = error.get("message").and_then(Value::as_str).unwrap_or("no reason given").to_owned();
                return Err(std::io::Error::other(format!("`initialize` was refused: {why}")));
            }
            self.ready = true;
            write(writer, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await?;
            for call in std::mem::take(&mut self.waiting) {
                self.call(writer, &call).await?;
            }
        } else if let Some(since) = self.open.remove(&seq) {
            let _ = out.send(Msg::Answer { seq, result: Ok(frame.clone()), took: since.elapsed() }).await;
        }
        Ok(())
    }
}

async fn write(writer: &mut (impl AsyncWriteExt + Unpin), line: &str) -> std::io::Result<()> {
    writer.write_all(line.as_bytes()).await?;
    writer.write_all(b"\n").await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncBufReadExt;

    use super::*;

    /// Plays the proxy: reads a line, checks what it contains.
    async fn expect(reader: &mut (impl AsyncBufReadExt + Unpin), part: &str) -> String {
        let mut line = String::new();
        reader.read_line(&mut line).await.unwrap();
        assert!(line.contains(part), "{line} has no {part}");
        line
    }

    fn on_a_runtime(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    #[test]
    fn calls_wait_for_the_opening_talk_and_are_answered_by_number() {
        on_a_runtime(async {
            let (ours, theirs) = Link::memory();
            let (orders, inbox) = mpsc::channel(4);
            let (out, mut msgs) = mpsc::channel(4);
            let proxy = async {
                let mut reader = BufReader::new(theirs.reader);
                let mut writer = theirs.writer;
                orders
                    .send(Order::Call { seq: 7, method: "tools/call".into(), params: r#"{"name":"a"}"#.into() })
                    .await
                    .unwrap();
                expect(&mut reader, "initialize").await;
                write(&mut writer, r#"{"jsonrpc":"2.0","id":0,"result":{}}"#).await.unwrap();
                expect(&mut reader, "notifications/initialized").await;
                expect(&mut reader, r#""id":7,"method":"tools/call","params":{"name":"a"}"#).await;
                write(&mut writer, r#"{"jsonrpc":"2.0","id":"q","method":"ping"}"#).await.unwrap();
                expect(&mut reader, r#""id":"q","result":{}"#).await;
                write(&mut writer, r#"{"jsonrpc":"2.0","id":"r","method":"roots/list"}"#).await.unwrap();
                expect(&mut reader, "-32601").await;
                write(&mut writer, r#"{"jsonrpc":"2.0","id":7,"result":{"ok":1}}"#).await.unwrap();
                let Some(Msg::Answer { seq: 7, result: Ok(frame), .. }) = msgs.recv().await else { panic!() };
                assert!(frame.ends_with(b"{\"ok\":1}}\n"));
                orders.send(Order::Call { seq: 8, method: "tools/call".into(), params: "{}".into() }).await.unwrap();
                expect(&mut reader, r#""id":8"#).await;
                orders.send(Order::Cancel(8)).await.unwrap();
                expect(&mut reader, r#""requestId":8"#).await;
                let again = Order::Again { of: CallId(26), n: 3, method: "tools/call".into(), params: "{}".into() };
                orders.send(again).await.unwrap();
                expect(&mut reader, r#""id":"replay-26-3","method":"tools/call""#).await;
                write(&mut writer, r#"{"jsonrpc":"2.0","id":"replay-26-3","result":{}}"#).await.unwrap();
                let Some(Msg::Answer { seq, result: Ok(_), .. }) = msgs.recv().await else { panic!() };
                assert_eq!(seq, REPLAYS + 3);
                orders.send(Order::Call { seq: 9, method: "tools/call".into(), params: "{}".into() }).await.unwrap();
                expect(&mut reader, r#""id":9"#).await;
                drop((reader, writer));
                let Some(Msg::Answer { seq: 9, result: Err(_), .. }) = msgs.recv().await else { panic!() };
            };
            tokio::join!(run(ours, inbox, out), proxy);
        });
    }

    #[test]
    fn a_refused_opening_fails_what_waits() {
        on_a_runtime(async {
            let (ours, theirs) = Link::memory();
            let (orders, inbox) = mpsc::channel(4);
            let (out, mut msgs) = mpsc::channel(4);
            let proxy = async {
                let mut reader = BufReader::new(theirs.reader);
                let mut writer = theirs.writer;
                expect(&mut reader, "initialize").await;
                orders.send(Order::Call { seq: 1, method: "tools/call".into(), params: "{}".into() }).await.unwrap();
                write(&mut writer, r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32600,"message":"go away"}}"#)
                    .await
                    .unwrap();
                let Some(Msg::Answer { seq: 1, result: Err(why), .. }) = msgs.recv().await else { panic!() };
                assert!(why.contains("go away"), "{why}");
            };
            tokio::join!(run(ours, inbox, out), proxy);
        });
    }
}
