use std::io::Write as _;

use http::StatusCode;
use tokio::io::AsyncWriteExt as _;

use super::super::testing::{LONG, STREAM, acceptor, answered, client, port, post, request, trusting};
use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\nhello";

/// The lines of a request, sorted but for the first.
fn lines(request: &str) -> Vec<String> {
    let head = request.split("\r\n\r\n").next().unwrap_or_default();
    let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
    lines[1..].sort_unstable();
    lines
}

#[tokio::test]
async fn a_request_carries_what_it_must_and_what_it_was_given() {
    let (listener, url) = port("http").await;
    let serve = async {
        let (mut io, _) = listener.accept().await.expect("a connection");
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(request(&mut io).await.expect("a request"));
            io.write_all(OK.as_bytes()).await.expect("open");
        }
        seen
    };
    let call = async {
        let client = client();
        let mut response = post(&client, &url).await.expect("an answer");
        assert_eq!(response.url(), &url);
        assert_eq!(response.collect(5, || ()).await.as_deref(), Ok(b"hello".as_slice()));
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("me"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static("2"));
        for method in [Method::GET, Method::DELETE] {
            let body = Bytes::from_static(b"not sent");
            let mut response = client.send(&method, &url, &headers, &body).await.expect("an answer");
            assert_eq!(response.beginning(3).await, "hel");
            assert_eq!(response.chunk().await, Ok(None));
        }
    };
    let (seen, ()) = tokio::join!(serve, call);
    let at = format!("host: {}:{}", url.host_str().expect("a host"), url.port().expect("a port"));
    let ours =
        ["accept-encoding: gzip,deflate", "accept: */*", "content-length: 5", &at, &format!("user-agent: {AGENT}")];
    assert_eq!(lines(&seen[0]), [&["POST /mcp?a=1 HTTP/1.1"], &ours[..]].concat());
    assert!(seen[0].ends_with("\r\n\r\nhello"));
    let theirs = ["accept-encoding: identity", "accept: */*", &at, "user-agent: me", "x-a: 1", "x-a: 2"];
    assert_eq!(lines(&seen[1]), [&["GET /mcp?a=1 HTTP/1.1"], &theirs[..]].concat());
    assert_eq!(lines(&seen[2]), [&["DELETE /mcp?a=1 HTTP/1.1"], &theirs[..]].concat());
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_no_request() {
    let (listener, url) = port("http").await;
    let serve = async {
        for _ in 0..3 {
            answered(&listener, OK.as_bytes()).await;
        }
    };
    let call = async {
        let client = client();
        for _ in 0..3 {
            let mut response = post(&client, &url).await.expect("an answer");
            assert_eq!(response.collect(5, || ()).await.as_deref(), Ok(b"hello".as_slice()));
            // So that its end is seen.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    };
    tokio::join!(serve, call);
}

#[tokio::test]
async fn what_comes_compressed_is_read_as_it_was_up_to_the_limit() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&[b'x'; 50_000]).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n";
    let answer = [format!("{head}content-length: {}\r\n\r\n", gzip.len()).as_bytes(), &gzip].concat();
    let (listener, url) = port("http").await;
    let serve = async {
        for n_missing in [0, 0, 1] {
            answered(&listener, &answer[..answer.len() - n_missing]).await;
        }
    };
    let call = async {
        let mut response = post(&client(), &url).await.expect("an answer");
        assert_eq!(response.headers().len(), 1, "of the body as it was: {:?}", response.headers());
        assert_eq!(response.collect(50_000, || ()).await.map(|all| all.len()), Ok(50_000));
        let mut response = post(&client(), &url).await.expect("an answer");
        assert_eq!(response.collect(49_999, || ()).await, Err(HttpError::TooLong(49_999)));
        let mut response = post(&client(), &url).await.expect("an answer");
        assert!(matches!(response.collect(50_000, || ()).await, Err(HttpError::Broken(_))));
    };
    tokio::join!(serve, call);
}

#[tokio::test]
async fn it_goes_where_the_same_origin_sends_it() {
    let (listener, url) = port("http").await;
    let serve = async {
        let (mut io, _) = listener.accept().await.expect("a connection");
        for answer in ["HTTP/1.1 307 Go\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n", OK] {
            assert!(request(&mut io).await.expect("a request").ends_with("\r\n\r\nhello"));
            io.write_all(answer.as_bytes()).await.expect("open");
        }
        for location in ["http://user@127.0.0.1/", "http://evil.example/"] {
            request(&mut io).await.expect("a request");
            let answer = format!("HTTP/1.1 307 Go\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            io.write_all(answer.as_bytes()).await.expect("open");
        }
    };
    let call = async {
        let client = client();
        let mut response = post(&client, &url).await.expect("an answer");
        assert_eq!(response.url().path(), "/there");
        assert_eq!(response.collect(5, || ()).await.as_deref(), Ok(b"hello".as_slice()));
        for _ in 0..2 {
            assert!(matches!(post(&client, &url).await, Err(HttpError::Redirect(_))));
        }
    };
    tokio::join!(serve, call);
}

#[tokio::test]
async fn why_there_is_no_answer_is_said_without_the_address() {
    let (listener, mut url) = port("http").await;
    url.set_path("/s3cret");
    drop(listener);
    let error = post(&client(), &url).await.expect_err("nobody is there");
    assert!(error.is_unsent() && matches!(error, HttpError::Connect(_)), "{error:?}");
    assert!(error.to_string().contains("refused") && !error.to_string().contains("s3cret"), "{error}");

    let (listener, url) = port("http").await;
    let close = async {
        let (mut io, _) = listener.accept().await.expect("a connection");
        request(&mut io).await.expect("a request");
    };
    let (error, ()) = tokio::join!(async { post(&client(), &url).await.expect_err("it hangs up") }, close);
    assert!(!error.is_unsent() && matches!(error, HttpError::Broken(_)), "{error:?}");

    for url in ["ftp://127.0.0.1/", "data:x"] {
        let error = post(&client(), &Url::parse(url).expect("a URL")).await.expect_err("no HTTP");
        assert!(error.is_unsent() && matches!(error, HttpError::Setup(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_told_apart() {
    let (listener, url) = port("https").await;
    let serve = async {
        let (io, _) = listener.accept().await.expect("a connection");
        // It hears that it is not trusted.
        let _ = acceptor(&["http/1.1"]).accept(io).await;
    };
    let call = async { post(&client(), &url).await.expect_err("nobody is trusted") };
    let (_, error) = tokio::join!(serve, call);
    assert!(error.is_unsent() && matches!(error, HttpError::Tls(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_go_on_is_slow() {
    let (listener, url) = port("https").await;
    let timeout = Duration::from_secs(5);
    let client = HttpClient::with(tls::config(None).expect("TLS"), None, timeout);
    let serve = async { listener.accept().await.expect("a connection") };
    let (_io, error) = tokio::join!(serve, post(&client, &url));
    assert_eq!(error.expect_err("no TLS"), HttpError::Slow(timeout));
}

/// Asks a server of HTTP/2 that refuses the first requests unseen: the answer, and how many requests it got.
async fn refused_unseen(n_refused: usize) -> (Result<StatusCode, HttpError>, usize) {
    let (listener, url) = port("https").await;
    let serve = async {
        let (io, _) = listener.accept().await.expect("a connection");
        let io = acceptor(&["h2"]).accept(io).await.expect("TLS");
        let mut connection = h2::server::handshake(io).await.expect("HTTP/2");
        let mut n = 0;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            n += 1;
            if n > n_refused {
                respond.send_response(Response::new(()), true).expect("open");
            } else {
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            }
        }
        n
    };
    // Its connection ends with the client.
    let call = async { post(&trusting(None), &url).await.map(|response| response.status()) };
    let (n, answer) = tokio::join!(serve, call);
    (answer, n)
}

#[tokio::test]
async fn what_a_server_has_refused_unseen_is_sent_again_but_not_for_ever() {
    assert_eq!(refused_unseen(2).await, (Ok(StatusCode::OK), 3));
    let (answer, n) = refused_unseen(9).await;
    assert!(matches!(answer, Err(HttpError::Broken(_))) && n == 3, "{answer:?} after {n}");
}

fn through(proxy: &Url, except: &str) -> Matcher {
    let at = format!("http://me:p%40ss@{}:{}", proxy.host_str().expect("a host"), proxy.port().expect("a port"));
    Matcher::builder().all(at).no(except).build()
}

const AUTHORIZED: &str = "proxy-authorization: Basic bWU6cEBzcw==";

#[tokio::test]
async fn a_proxy_is_asked_for_what_is_not_secret() {
    let (listener, proxy) = port("http").await;
    let serve = async {
        let (mut io, _) = listener.accept().await.expect("a connection");
        let seen = request(&mut io).await.expect("a request");
        io.write_all(OK.as_bytes()).await.expect("open");
        seen
    };
    let url = Url::parse("http://mcp.invalid/mcp?a=1").expect("a URL");
    let client = HttpClient::with(tls::config(None).expect("TLS"), Some(through(&proxy, "")), LONG);
    let (seen, response) = tokio::join!(serve, post(&client, &url));
    assert_eq!(response.expect("an answer").status(), 200);
    let seen = lines(&seen);
    assert_eq!(seen[0], "POST http://mcp.invalid/mcp?a=1 HTTP/1.1");
    assert!(seen.iter().any(|line| line == AUTHORIZED) && seen.contains(&"host: mcp.invalid".to_owned()), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_proxy_sees_nothing_of_what_is_secret() {
    let (listener, proxy) = port("http").await;
    let serve = async {
        let (mut io, _) = listener.accept().await.expect("a connection");
        let seen = lines(&request(&mut io).await.expect("a request"));
        assert_eq!(seen[0], "CONNECT localhost:443 HTTP/1.1");
        let has = |line: &str| seen.iter().any(|seen| seen.eq_ignore_ascii_case(line));
        assert!(has(AUTHORIZED) && has(&format!("user-agent: {AGENT}")), "{seen:?}");
        io.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("open");
        let mut io = acceptor(&["http/1.1"]).accept(io).await.expect("TLS");
        let seen = lines(&request(&mut io).await.expect("a request"));
        assert_eq!(seen[0], "POST /mcp HTTP/1.1");
        assert!(!seen.iter().any(|line| line == AUTHORIZED), "{seen:?}");
        io.write_all(STREAM.as_bytes()).await.expect("open");
        io.flush().await.expect("open");
        io
    };
    let url = Url::parse("https://localhost/mcp").expect("a URL");
    let client = trusting(Some(through(&proxy, "")));
    let call = async {
        let mut response = post(&client, &url).await.expect("an answer");
        assert!(tokio::time::timeout(LONG / 1000, response.chunk()).await.is_err(), "nothing is said");
        assert!(response.is_taken());
    };
    tokio::join!(serve, call);
}

#[tokio::test]
async fn a_proxy_that_refuses_is_an_end_before_the_request() {
    let (listener, proxy) = port("http").await;
    let serve = async {
        answered(&listener, b"HTTP/1.1 407 Who are you?\r\n\r\n").await;
    };
    let url = Url::parse("https://localhost/mcp").expect("a URL");
    let client = trusting(Some(through(&proxy, "")));
    let ((), error) = tokio::join!(serve, post(&client, &url));
    let error = error.expect_err("refused");
    assert!(error.is_unsent() && error.to_string().contains("proxy authorization required"), "{error:?}");

    let socks = Matcher::builder().all("socks5://127.0.0.1:9").build();
    let error = post(&trusting(Some(socks)), &url).await.expect_err("not supported");
    assert!(error.is_unsent() && error.to_string().contains("SOCKS"), "{error:?}");
}

#[tokio::test]
async fn what_is_excepted_goes_to_no_proxy() {
    let (listener, url) = port("http").await;
    let (nobody, proxy) = port("http").await;
    drop(nobody);
    let serve = async {
        let (mut io, _) = listener.accept().await.expect("a connection");
        let seen = lines(&request(&mut io).await.expect("a request"));
        io.write_all(OK.as_bytes()).await.expect("open");
        seen
    };
    let client = HttpClient::with(tls::config(None).expect("TLS"), Some(through(&proxy, "127.0.0.0/8")), LONG);
    let (seen, response) = tokio::join!(serve, post(&client, &url));
    assert_eq!(response.expect("an answer").status(), 200);
    assert_eq!(seen[0], "POST /mcp?a=1 HTTP/1.1");
    assert!(!seen.iter().any(|line| line == AUTHORIZED), "{seen:?}");
}
