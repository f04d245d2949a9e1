use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::super::testing::{LONG, STREAM, acceptor, answered, client, port, post, request, trusting};
use super::*;

/// Reads until `n` bytes have come.
async fn read(response: &mut HttpResponse, n: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < n {
        all.extend(response.chunk().await.expect("a chunk").expect("more"));
    }
    all
}

/// Reads to the end.
async fn rest(response: &mut HttpResponse) -> Result<Vec<u8>, HttpError> {
    let mut all = Vec::new();
    while let Some(bytes) = response.chunk().await? {
        all.extend(bytes);
    }
    Ok(all)
}

/// Waits for a long time in which nothing comes.
async fn silence(response: &mut HttpResponse) {
    let nothing = tokio::time::timeout(LONG / 1000, response.chunk()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

/// An answer of which the second part comes when that is said.
async fn says_in_two(listener: &TcpListener, head: &str, parts: (&[u8], &[u8]), go_on: oneshot::Receiver<()>) {
    let mut io = answered(listener, head.as_bytes()).await;
    io.write_all(parts.0).await.expect("open");
    go_on.await.expect("told");
    io.write_all(parts.1).await.expect("open");
}

/// A stream of which `before` is said first, and `after` when it has been taken; what has come of it, and how it ended.
async fn taken_between(
    head: &str,
    before: &[u8],
    after: &[u8],
    n_before: usize,
) -> (Vec<u8>, Result<Vec<u8>, HttpError>) {
    let (listener, url) = port("http").await;
    let (says, said) = oneshot::channel();
    let serve = says_in_two(&listener, head, (before, after), said);
    let call = async {
        let client = client();
        let mut response = post(&client, &url).await.expect("an answer");
        let first = read(&mut response, n_before).await;
        silence(&mut response).await;
        assert!(response.is_taken());
        says.send(()).expect("the server is there");
        (first, rest(&mut response).await)
    };
    tokio::join!(serve, call).1
}

#[tokio::test(start_paused = true)]
async fn a_stream_goes_on_wherever_it_was_taken() {
    let body = b"6;a=b\r\n: ping\r\n1\r\n\n\r\nA\r\ndata: 1\r\n\n\r\n10\r\ndata: 2\n\ndata: 3\r\n0\r\nx: y\r\n\r\n";
    let carried = b": ping\ndata: 1\r\n\ndata: 2\n\ndata: 3";
    for at in 0..body.len() - 1 {
        let mut n_before = 0;
        let mut framing = super::super::framing::Framing::chunked();
        framing.feed(&body[..at], |data| n_before += data.len()).expect("chunks");
        let (first, after) = taken_between(STREAM, &body[..at], &body[at..], n_before).await;
        assert_eq!(first.len(), n_before);
        assert_eq!([first, after.expect("whole")].concat(), carried, "taken at {at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_with_its_connection_may_be_taken_too() {
    let head = STREAM.replace("transfer-encoding: chunked", "connection: close");
    let (first, after) = taken_between(&head, b"data: 1\n", b"\n0\r\n\r\n", 8).await;
    assert_eq!((&*first, after.as_deref()), (b"data: 1\n".as_slice(), Ok(b"\n0\r\n\r\n".as_slice())));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_is_broken_though_it_was_taken() {
    for (after, expected) in [
        ("", "unexpected end"),
        ("2", "unexpected end"),
        ("2\r\nx", "unexpected end"),
        ("2\r\nxy\r\n0\r\n", "unexpected end"),
        ("2\r\nxyz", "invalid chunk"),
        ("no chunk", "invalid chunk"),
    ] {
        let (_, end) = taken_between(STREAM, b"1\r\nx\r\n", after.as_bytes(), 1).await;
        let Err(HttpError::Broken(why)) = end else { panic!("{after:?} ended with {end:?}") };
        assert!(why.ends_with(expected), "{after:?}: {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_before_a_break_is_read_first() {
    let (listener, url) = port("http").await;
    let (says, said) = oneshot::channel();
    let serve = async {
        let mut io = answered(&listener, STREAM.as_bytes()).await;
        said.await.expect("taken");
        io.write_all(b"1\r\nx\r\nzzz").await.expect("open");
        assert_eq!(request(&mut io).await, None, "who cannot go on hangs up");
    };
    let call = async {
        let mut response = post(&client(), &url).await.expect("an answer");
        silence(&mut response).await;
        says.send(()).expect("the server is there");
        assert_eq!(response.chunk().await, Ok(Some(Bytes::from_static(b"x"))));
        assert!(matches!(response.chunk().await, Err(HttpError::Broken(_))));
        assert_eq!(response.chunk().await, Ok(None), "there is no more");
        response
    };
    tokio::join!(serve, call);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_is_heard_of() {
    let (listener, url) = port("http").await;
    let (says, said) = oneshot::channel::<()>();
    let serve = async {
        let io = answered(&listener, STREAM.as_bytes()).await;
        said.await.expect("taken");
        // Without a farewell.
        io.set_zero_linger().expect("a socket");
    };
    let call = async {
        let mut response = post(&client(), &url).await.expect("an answer");
        silence(&mut response).await;
        says.send(()).expect("the server is there");
        let Err(HttpError::Broken(why)) = response.chunk().await else { panic!("it goes on") };
        assert!(why.contains("reset"), "{why}");
    };
    tokio::join!(serve, call);
}

#[tokio::test(start_paused = true)]
async fn much_at_once_is_read_after_it_was_taken() {
    let big = vec![b'x'; 300_000];
    let mut body = format!("{:x}\r\n", big.len()).into_bytes();
    body.extend_from_slice(&big);
    body.extend_from_slice(b"\r\n0\r\n\r\n");
    let (_, after) = taken_between(STREAM, b"", &body, 0).await;
    assert_eq!(after.expect("whole"), big);
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_is_gone_for_the_server_too() {
    let (listener, url) = port("http").await;
    let serve = async {
        let mut io = answered(&listener, STREAM.as_bytes()).await;
        assert_eq!(io.read(&mut [0; 9]).await.expect("an end"), 0);
    };
    let call = async {
        let client = client();
        let mut response = post(&client, &url).await.expect("an answer");
        silence(&mut response).await;
        assert!(response.is_taken());
        drop(response);
        // The pool lives on.
        client
    };
    tokio::join!(serve, call);
}

/// Two requests in a row, each answered in this way with all that follows said at once.
async fn on_one_connection(answer: &str) {
    let (listener, url) = port("http").await;
    let serve = async {
        let (mut io, _) = listener.accept().await.expect("a connection");
        for _ in 0..2 {
            request(&mut io).await.expect("a request");
            io.write_all(answer.as_bytes()).await.expect("open");
        }
    };
    let call = async {
        let client = client();
        for _ in 0..2 {
            let mut response = post(&client, &url).await.expect("an answer");
            assert_eq!(rest(&mut response).await.as_deref(), Ok(b"hello".as_slice()));
            assert!(!response.is_taken());
        }
    };
    tokio::join!(serve, call);
}

#[tokio::test]
async fn the_connection_of_a_short_answer_is_used_again() {
    on_one_connection(&format!("{STREAM}5\r\nhello\r\n0\r\n\r\n")).await;
    on_one_connection(&format!("{STREAM}2\r\nhe\r\n3\r\nllo\r\n0\r\nx: y\r\n\r\n")).await;
    on_one_connection("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 5\r\n\r\nhello").await;
    on_one_connection(&format!("HTTP/1.1 103 Early Hints\r\n\r\n{STREAM}5\r\nhello\r\n0\r\n\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_taken_after_other_answers_on_it() {
    let (listener, url) = port("http").await;
    let serve = async {
        let (mut io, _) = listener.accept().await.expect("a connection");
        let json = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\nhello";
        for answer in [json, &format!("{STREAM}5\r\nhello\r\n0\r\n\r\n"), STREAM] {
            request(&mut io).await.expect("a request");
            io.write_all(answer.as_bytes()).await.expect("open");
        }
        io
    };
    let call = async {
        let client = client();
        for _ in 0..2 {
            let mut response = post(&client, &url).await.expect("an answer");
            assert_eq!(rest(&mut response).await.as_deref(), Ok(b"hello".as_slice()));
        }
        let mut response = post(&client, &url).await.expect("an answer");
        silence(&mut response).await;
        assert!(response.is_taken());
    };
    tokio::join!(serve, call);
}

/// An answer that stays with hyper, however long it is silent, and goes on then.
async fn left_to_hyper(head: &str, before: &[u8], after: &[u8]) {
    let (listener, url) = port("http").await;
    let (says, said) = oneshot::channel();
    let serve = says_in_two(&listener, head, (before, after), said);
    let call = async {
        let mut response = post(&client(), &url).await.expect("an answer");
        let mut all = Vec::new();
        while let Ok(chunk) = tokio::time::timeout(LONG / 1000, response.chunk()).await {
            all.extend(chunk.expect("a chunk").expect("more"));
        }
        assert!(!response.is_taken(), "{head}");
        says.send(()).expect("the server is there");
        all.extend(rest(&mut response).await.expect("whole"));
        assert_eq!(all, b"hello");
    };
    tokio::join!(serve, call);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_plain_event_stream_is_left_to_hyper() {
    left_to_hyper("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 5\r\n\r\n", b"he", b"llo")
        .await;
    left_to_hyper(&STREAM.replace("text/event-stream", "application/json"), b"2\r\nhe\r\n", b"3\r\nllo\r\n0\r\n\r\n")
        .await;
    left_to_hyper("HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", b"he", b"llo").await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gzip, b"he").expect("memory");
    std::io::Write::flush(&mut gzip).expect("memory");
    let before = std::mem::take(gzip.get_mut());
    std::io::Write::write_all(&mut gzip, b"llo").expect("memory");
    let after = gzip.finish().expect("memory");
    let chunk = |bytes: &[u8], end: &str| {
        [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n", end.as_bytes()].concat()
    };
    let head = STREAM.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n");
    left_to_hyper(&head, &chunk(&before, ""), &chunk(&after, "0\r\n\r\n")).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_inside_tls_is_taken_with_it() {
    let (listener, url) = port("https").await;
    let (says, said) = oneshot::channel();
    let serve = async {
        let (io, _) = listener.accept().await.expect("a connection");
        let mut io = acceptor(&["http/1.1"]).accept(io).await.expect("TLS");
        request(&mut io).await.expect("a request");
        io.write_all(format!("{STREAM}2\r\nhe").as_bytes()).await.expect("open");
        io.flush().await.expect("open");
        said.await.expect("taken");
        io.write_all(b"\r\n3\r\nllo\r\n0\r\n\r\n").await.expect("open");
        io.shutdown().await.expect("open");
    };
    let call = async {
        let mut response = post(&trusting(None), &url).await.expect("an answer");
        let first = read(&mut response, 2).await;
        silence(&mut response).await;
        assert!(response.is_taken());
        says.send(()).expect("the server is there");
        assert_eq!([first, rest(&mut response).await.expect("whole")].concat(), b"hello");
    };
    tokio::join!(serve, call);
}

/// Answers one request by HTTP/2: a stream of which the rest is said when `said` says so.
async fn serve_http2(io: impl AsyncRead + AsyncWrite + Unpin, said: oneshot::Receiver<()>) {
    let said = std::sync::Mutex::new(Some(said));
    let answer = hyper::service::service_fn(|request: http::Request<Incoming>| {
        assert_eq!(request.version(), Version::HTTP_2);
        let said = said.lock().expect("no panic").take().expect("one request");
        let parts = futures_util::stream::unfold((0, Some(said)), |(n, mut said)| async move {
            if n == 1 {
                said.take()?.await.ok()?;
            }
            let part = ["he", "llo"].get(n)?;
            Some((Bytes::from_static(part.as_bytes()), (n + 1, said)))
        });
        let mut response = Response::new(super::super::Body::stream(Box::pin(parts)));
        response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("text/event-stream"));
        std::future::ready(Ok::<_, std::convert::Infallible>(response))
    });
    let executor = hyper_util::rt::TokioExecutor::new();
    let connection =
        hyper::server::conn::http2::Builder::new(executor).serve_connection(hyper_util::rt::TokioIo::new(io), answer);
    // The client goes when it has what it wants.
    let _ = connection.await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_by_http2_is_left_to_hyper() {
    let (listener, url) = port("https").await;
    let (says, said) = oneshot::channel();
    let serve = async {
        let (io, _) = listener.accept().await.expect("a connection");
        let io = acceptor(&["h2", "http/1.1"]).accept(io).await.expect("TLS");
        serve_http2(io, said).await;
    };
    let call = async {
        let client = trusting(None);
        let mut response = post(&client, &url).await.expect("an answer");
        let first = read(&mut response, 2).await;
        silence(&mut response).await;
        assert!(!response.is_taken());
        says.send(()).expect("the server is there");
        assert_eq!([first, rest(&mut response).await.expect("whole")].concat(), b"hello");
    };
    tokio::join!(serve, call);
}
