//! `mcp-proxy health`: asks a running mcp-proxy whether it is up; for health checks of containers. Reads one answer, starts
//! nothing.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mcp_proxy_core::config::Environment;
use mcp_proxy_core::transport::to_own_door;

use super::load;
use crate::cli::Health;
use crate::report::{self, Failure};

/// Asking and answering together may take this long.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest answer read.
const MAX_ANSWER: u64 = 1 << 20;
/// Where an engine without another word listens.
const DEFAULT: (&str, u16) = ("127.0.0.1", 8000);

pub(super) fn run(config: Option<&Path>, args: &Health) -> Result<(), Failure> {
    let (url, cert) = args.url.clone().map_or_else(|| place_of(config), |url| (url, None));
    let body =
        ask(&url, cert.as_deref()).map_err(|why| Failure::failed(format!("`{url}` is not well")).because(why))?;
    report::out(&body)
}

/// The address in the configuration, and the certificate that is shown there. One that cannot be read now may have been good when
/// the engine started.
fn place_of(config: Option<&Path>) -> (String, Option<PathBuf>) {
    // Whoever started it may have said so; here nothing listens.
    let environment = Environment::of_process().with_insecure(true);
    let chosen = load::required(config, environment).ok();
    let (host, port) = chosen.as_ref().map_or(DEFAULT, |c| (c.config.host.as_str(), c.config.port));
    // Who listens everywhere is asked here.
    let host = match host {
        "0.0.0.0" | "" => "127.0.0.1",
        "::" | "[::]" => "::1",
        host => host,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let cert = chosen.as_ref().and_then(|c| c.config.tls.as_ref()).map(|tls| tls.cert.clone());
    let scheme = if cert.is_some() { "https" } else { "http" };
    let host = if bare.contains(':') { format!("[{bare}]") } else { bare.to_owned() };
    (format!("{scheme}://{host}:{port}/health"), cert)
}

/// A connection that may be encrypted.
trait Talk: Read + Write {}
impl<T: Read + Write> Talk for T {}

/// GETs `url`; with TLS from whoever has the certificate `cert`.
///
/// # Errors
/// Why there is no good answer.
fn ask(url: &str, cert: Option<&Path>) -> Result<Vec<u8>, String> {
    let scheme = if cert.is_some() { "https://" } else { "http://" };
    let rest = url
        .strip_prefix(scheme)
        .ok_or("only `http://` is asked, and `https://` where the configuration says so; else use `curl -kf`")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    if authority.is_empty() || authority.contains('@') || url.contains(|c: char| c.is_control() || c == ' ') {
        return Err("this is no address of a server".to_owned());
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let place = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    let until = Instant::now() + LIMIT;
    let socket = connect(&place, until)?;
    let left = || {
        let left = until.saturating_duration_since(Instant::now());
        let set = if left.is_zero() { None } else { socket.set_read_timeout(Some(left)).ok() };
        set.ok_or_else(|| format!("no complete answer within {LIMIT:?}"))
    };
    let stream = socket.try_clone().map_err(|e| e.to_string())?;
    let mut stream: Box<dyn Talk> = match cert {
        None => Box::new(stream),
        Some(cert) => Box::new(to_own_door(stream, cert).map_err(|e| e.to_string())?),
    };
    left()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|e| e.to_string())?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        left()?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&chunk[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            // The end of TLS was not said; what is missing shows below.
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => break,
            Err(e) => return Err(e.to_string()),
        }
        if answer.len() as u64 > MAX_ANSWER {
            return Err("the answer does not end".to_owned());
        }
    }
    let head_end = answer.windows(4).position(|w| w == b"\r\n\r\n").ok_or("the answer is no HTTP")?;
    let head = String::from_utf8_lossy(&answer[..head_end]).into_owned();
    let status = head.lines().next().unwrap_or_default();
    let code = status.strip_prefix("HTTP/1.").and_then(|s| s.split(' ').nth(1)).and_then(|c| c.parse::<u16>().ok());
    match code {
        Some(200..=299) => Ok(answer.split_off(head_end + 4)),
        Some(_) => Err(format!("it answered `{status}`")),
        None => Err("the answer is no HTTP".to_owned()),
    }
}

/// The first address that takes the connection: `localhost` has two.
fn connect(place: &str, until: Instant) -> Result<TcpStream, String> {
    let mut why = "the name has no address".to_owned();
    for address in place.to_socket_addrs().map_err(|e| e.to_string())? {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => {
                stream.set_write_timeout(Some(left)).map_err(|e| e.to_string())?;
                return Ok(stream);
            }
            Err(e) => why = format!("{address}: {e}"),
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use std::io::BufRead as _;
    use std::net::TcpListener;

    use super::*;

    /// Answers one request with `answer` and gives what was asked.
    fn once(answer: &'static str) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/health", listener.local_addr().expect("bound"));
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("asked");
            let mut reader = std::io::BufReader::new(stream.try_clone().expect("cloned"));
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).expect("text");
                if line.trim().is_empty() {
                    break;
                }
                head.push(line.trim().to_owned());
            }
            stream.write_all(answer.as_bytes()).expect("answered");
            head
        });
        (url, served)
    }

    #[test]
    fn a_good_answer_is_its_body() {
        let (url, served) = once("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        assert_eq!(ask(&url, None), Ok(b"{}".to_vec()));
        let asked = served.join().expect("served");
        assert_eq!(asked[0], "GET /health HTTP/1.1");
        assert!(asked.iter().any(|l| l.starts_with("Host: 127.0.0.1:")), "{asked:?}");
    }

    #[test]
    fn anything_else_says_what_it_was() {
        let check = |answer, expected: &str| {
            let (url, served) = once(answer);
            let why = ask(&url, None).expect_err(answer);
            assert!(why.contains(expected), "{why}");
            served.join().expect("served");
        };
        check("HTTP/1.1 503 Service Unavailable\r\n\r\n", "503");
        check("SSH-2.0-x\r\n\r\n", "no HTTP");
        check("", "no HTTP");
        for url in ["https://localhost/health", "http:///x", "http://u:p@h/x", "http://h/a b"] {
            assert!(ask(url, None).is_err(), "{url}");
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port nobody listens on");
        assert!(ask(&format!("http://{free}/health"), None).expect_err("refused").contains(&free.to_string()));
    }
}
