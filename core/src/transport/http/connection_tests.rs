use std::future::Future;

use hyper::Response;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::*;
use crate::transport::http::{Body, Receipt};

/// Answers with the path.
#[derive(Clone)]
struct Echo;

impl Serve for Echo {
    async fn answer(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        Response::new(Bytes::from(request.uri().path().to_owned()).into())
    }
}

async fn answer(client: &mut DuplexStream, path: &str) {
    let mut all = Vec::new();
    while !all.ends_with(path.as_bytes()) {
        assert!(client.read_buf(&mut all).await.expect("memory") > 0, "{}", String::from_utf8_lossy(&all));
    }
    assert!(all.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&all));
}

/// Lets the connection's own task come to rest.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// Asks for what is told when its answer, which is longer than the connection has room for, has been written.
#[derive(Clone)]
struct Told(Arc<std::sync::atomic::AtomicUsize>);

impl Serve for Told {
    async fn answer(&self, _: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        let told = self.0.clone();
        let mut response = Response::new(Bytes::from(vec![b'x'; 20_000]).into());
        response.extensions_mut().insert(Receipt::new(move || {
            told.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }));
        response
    }
}

#[tokio::test]
async fn a_receipt_is_told_once_all_is_written() {
    let (mut client, io) = tokio::io::duplex(4096);
    let told = Told(Arc::default());
    let n_told = || told.0.load(std::sync::atomic::Ordering::Relaxed);
    let served = serve(io, told.clone(), SocketAddr::from(([127, 0, 0, 1], 1)), Pulse::for_test().0);
    let talk = async {
        for n in 0..3 {
            client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
            settle().await;
            assert_eq!(n_told(), n, "the client has taken nothing yet");
            let mut n_read = 0;
            while n_read < 20_000 {
                n_read += client.read(&mut [0; 4096]).await.expect("memory");
            }
            settle().await;
            // The head came with it.
            let mut rest = [0; 4096];
            while let Ok(Ok(_)) = tokio::time::timeout(std::time::Duration::ZERO, client.read(&mut rest)).await {}
            settle().await;
            assert_eq!(n_told(), n + 1);
        }
        drop(client);
    };
    tokio::join!(served, talk);
}

#[tokio::test]
async fn a_silent_connection_is_let_go_of_and_taken_up_again() {
    let (mut client, io) = tokio::io::duplex(4096);
    let (pulse, clock) = Pulse::for_test();
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let served = serve(io, Echo, peer, pulse.clone());
    let talk = async {
        client.write_all(b"GET /a").await.expect("memory");
        settle().await;
        clock.pass();
        pulse.look();
        settle().await;
        assert!(!pulse.is_resting(), "half a head has come");
        client.write_all(b" HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
        answer(&mut client, "/a").await;
        for path in ["/b", "/c"] {
            settle().await;
            assert!(pulse.is_resting(), "nobody is at work here");
            assert!(!pulse.is_over(), "it is kept");
            for byte in format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").bytes() {
                client.write_all(&[byte]).await.expect("memory");
                settle().await;
            }
            answer(&mut client, path).await;
        }
        // Two requests in one go.
        client
            .write_all(b"GET /d HTTP/1.1\r\nhost: x\r\n\r\nGET /e HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("memory");
        answer(&mut client, "/e").await;
        // One and a half.
        client.write_all(b"GET /g HTTP/1.1\r\nhost: x\r\n\r\nGET").await.expect("memory");
        answer(&mut client, "/g").await;
        settle().await;
        client.write_all(b" /h HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
        answer(&mut client, "/h").await;
        for _ in 0..20 {
            client.write_all(b"GET /f HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
            answer(&mut client, "/f").await;
        }
        settle().await;
        assert!(!pulse.is_resting(), "it is at work");
        clock.pass();
        pulse.look();
        settle().await;
        assert!(pulse.is_resting(), "not any more");
        settle().await;
        clock.pass();
        pulse.look();
        settle().await;
        drop(client);
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), async { tokio::join!(served, talk) })
        .await
        .expect("it ends with its client");
}

/// Answers with the path; what is under `/wait` when it is told to.
#[derive(Clone)]
struct Waits(Arc<tokio::sync::Semaphore>);

impl Serve for Waits {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        if request.uri().path() == "/wait" {
            self.0.acquire().await.expect("open").forget();
        }
        Echo.answer(request, peer).await
    }
}

#[tokio::test(start_paused = true)]
async fn others_are_read_when_one_has_its_answer_or_waits_for_long() {
    let (one, two, clock) = Pulse::sharing_for_test();
    let told = Arc::new(tokio::sync::Semaphore::new(0));
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    let ((mut first, io), (mut second, other_io)) = (tokio::io::duplex(4096), tokio::io::duplex(4096));
    let served = async {
        tokio::join!(
            serve(io, Waits(told.clone()), peer, one.clone()),
            serve(other_io, Waits(told.clone()), peer, two.clone())
        );
    };
    let talk = async {
        let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        // One who is connected and says nothing is in nobody's way.
        settle().await;
        second.write_all(ask("/a").as_bytes()).await.expect("memory");
        answer(&mut second, "/a").await;
        first.write_all(ask("/wait").as_bytes()).await.expect("memory");
        settle().await;
        second.write_all(ask("/b").as_bytes()).await.expect("memory");
        settle().await;
        assert!(two.is_waiting());
        clock.pass();
        one.look();
        answer(&mut second, "/b").await;
        // The same again, but the first one has its answer.
        told.add_permits(1);
        answer(&mut first, "/wait").await;
        // Also where it keeps its buffers, as it is at work.
        for _ in 0..20 {
            first.write_all(ask("/x").as_bytes()).await.expect("memory");
            answer(&mut first, "/x").await;
        }
        settle().await;
        assert!(!one.is_resting() && !one.has_share(), "it is at work, and has its answer");
        clock.pass();
        one.look();
        settle().await;
        first.write_all(ask("/wait").as_bytes()).await.expect("memory");
        settle().await;
        second.write_all(ask("/c").as_bytes()).await.expect("memory");
        settle().await;
        assert!(two.is_waiting());
        told.add_permits(1);
        answer(&mut first, "/wait").await;
        answer(&mut second, "/c").await;
        // Nor does one that leaves keep anything.
        first.write_all(ask("/wait").as_bytes()).await.expect("memory");
        settle().await;
        drop(first);
        second.write_all(ask("/d").as_bytes()).await.expect("memory");
        answer(&mut second, "/d").await;
        drop(second);
    };
    let start = tokio::time::Instant::now();
    together(served, talk).await;
    assert_eq!(start.elapsed(), std::time::Duration::ZERO, "nobody went in without a share");
}

/// Answers with a stream of what it is told.
#[derive(Clone)]
struct Tells(Arc<Mutex<Option<tokio::sync::mpsc::Receiver<Bytes>>>>);

impl Serve for Tells {
    async fn answer(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        match self.0.lock().expect("no panic").take_if(|_| request.uri().path() == "/stream") {
            Some(mut told) => {
                let pieces = futures_util::stream::poll_fn(move |cx| told.poll_recv(cx));
                Response::new(Body::stream(Box::pin(pieces)))
            }
            None => Response::new(Bytes::from(request.uri().path().to_owned()).into()),
        }
    }
}

/// Both to their ends: a connection ends with its client.
async fn together(served: impl Future<Output = ()>, client: impl Future<Output = ()>) {
    let both = async { tokio::join!(served, client) };
    tokio::time::timeout(std::time::Duration::from_secs(10), both).await.expect("it ends with its client");
}

/// A client, its stream's teller, and what serves it.
fn telling() -> (DuplexStream, tokio::sync::mpsc::Sender<Bytes>, Arc<Pulse>, impl Future<Output = ()>) {
    let (client, io) = tokio::io::duplex(256);
    let (tell, told) = tokio::sync::mpsc::channel(4);
    let (pulse, _) = Pulse::for_test();
    let peer = SocketAddr::from(([127, 0, 0, 1], 1));
    (client, tell, pulse.clone(), serve(io, Tells(Arc::new(Mutex::new(Some(told)))), peer, pulse))
}

/// Reads until what came ends so.
async fn reads(client: &mut DuplexStream, end: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(end.as_bytes()) {
        assert!(client.read_buf(&mut all).await.expect("memory") > 0, "{}", String::from_utf8_lossy(&all));
    }
    String::from_utf8(all).expect("text")
}

#[tokio::test]
async fn a_stream_goes_on_without_hyper_and_hyper_goes_on_after_it() {
    let (mut client, tell, pulse, served) = telling();
    let talk = async {
        client.write_all(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
        let head = reads(&mut client, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("transfer-encoding: chunked"), "{head}");
        settle().await;
        assert!(!pulse.is_idle(), "it goes on");
        tell.send(Bytes::from_static(b"first")).await.expect("it listens");
        assert_eq!(reads(&mut client, "first\r\n").await, "5\r\nfirst\r\n");
        // Nothing is no chunk: a chunk of nothing is the end.
        tell.send(Bytes::new()).await.expect("it listens");
        // More than fits on the way, and the next request before the stream's end.
        client.write_all(b"GET /next HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
        let much = "y".repeat(3000);
        tell.send(Bytes::from(much.clone())).await.expect("it listens");
        assert_eq!(reads(&mut client, "y\r\n").await, format!("bb8\r\n{much}\r\n"));
        drop(tell);
        let rest = reads(&mut client, "/next").await;
        assert!(rest.starts_with("0\r\n\r\nHTTP/1.1 200"), "{rest}");
        settle().await;
        assert!(pulse.is_idle());
        drop(client);
    };
    together(served, talk).await;
}

#[tokio::test]
async fn a_stream_that_is_over_at_once_ends_its_request() {
    let (mut client, io) = tokio::io::duplex(256);
    let (pulse, _) = Pulse::for_test();
    let (ready, told) = tokio::sync::mpsc::channel(4);
    ready.try_send(Bytes::from_static(b"all")).expect("room");
    drop(ready);
    let streams = Arc::new(Mutex::new(Some(told)));
    let served = serve(io, Tells(streams.clone()), SocketAddr::from(([127, 0, 0, 1], 1)), pulse.clone());
    let talk = async {
        client.write_all(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
        reads(&mut client, "3\r\nall\r\n0\r\n\r\n").await;
        settle().await;
        assert!(pulse.is_idle());
        // The next one on the same connection is not touched by the end of the first.
        let (tell, told) = tokio::sync::mpsc::channel(4);
        *streams.lock().expect("no panic") = Some(told);
        client.write_all(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
        reads(&mut client, "\r\n\r\n").await;
        settle().await;
        assert!(!pulse.is_idle());
        tell.send(Bytes::from_static(b"more")).await.expect("it listens");
        reads(&mut client, "more\r\n").await;
        drop(tell);
        reads(&mut client, "0\r\n\r\n").await;
        settle().await;
        assert!(pulse.is_idle());
        drop(client);
    };
    together(served, talk).await;
}

#[tokio::test]
async fn a_stream_ends_with_its_client_and_one_that_is_the_last_with_its_connection() {
    let (mut client, tell, _, served) = telling();
    let leaves = async {
        client.write_all(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("memory");
        reads(&mut client, "\r\n\r\n").await;
        settle().await;
        drop(client);
        tell.closed().await;
    };
    together(served, leaves).await;
    for request in ["GET /stream HTTP/1.1\r\nhost: x\r\nconnection: x, Close\r\n\r\n", "GET /stream HTTP/1.0\r\n\r\n"] {
        let (mut client, tell, _, served) = telling();
        let asks = async {
            client.write_all(request.as_bytes()).await.expect("memory");
            reads(&mut client, "\r\n\r\n").await;
            settle().await;
            tell.send(Bytes::from_static(b"word")).await.expect("it listens");
            drop(tell);
            let mut rest = String::new();
            client.read_to_string(&mut rest).await.expect("text");
            assert!(rest.contains("word"), "{rest}");
        };
        together(served, asks).await;
    }
}
