//! Whole heads of requests in, who it is or what it hears out.

use super::*;
use crate::config::{Server, Token, TokenHash};
use http::{Request, StatusCode};
use std::time::Duration;

const LAPTOP: &str = "mcpp_laptop_laptop_laptop_laptop";
const HERE: &str = "127.0.0.1:5000";
const ELSEWHERE: &str = "10.0.0.9:5000";

fn token(name: &str, text: &str, servers: &[&str]) -> Arc<Token> {
    let servers = servers.iter().map(|s| (*s).to_owned()).collect();
    let access = Arc::new(Access { servers, ..Access::default() });
    Arc::new(Token { name: name.into(), hash: TokenHash::of(text), access, is_stored: false })
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    config.clients.tokens = vec![token("phone", "another-token", &[]), token("laptop", LAPTOP, &["files"])];
    change(&mut config);
    config
}

struct Setup {
    guard: Guard,
    sender: watch::Sender<Arc<Config>>,
}

fn setup(change: impl FnOnce(&mut Config)) -> Setup {
    let sender = watch::Sender::new(Arc::new(config(change)));
    Setup { guard: Guard::new(sender.subscribe()), sender }
}

fn head(headers: &[(&str, &str)]) -> Parts {
    head_of("POST", "/mcp", headers)
}

fn head_of(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// Principal, or status and reason.
fn outcome(result: Result<Visitor, Refused>) -> String {
    match result {
        Ok(visitor) => visitor.principal.name().to_owned(),
        Err(refused) => {
            let data: serde_json::Value = serde_json::from_str(&refused.fault.data.unwrap()).unwrap();
            format!("{} {}", refused.status.as_u16(), data["reason"].as_str().unwrap())
        }
    }
}

impl Setup {
    fn admit(&self, headers: &[(&str, &str)]) -> String {
        outcome(self.guard.admit(&head(headers)))
    }
}

#[test]
fn names_of_ours() {
    let at = |host: &str, allowed: &[&str]| {
        let allowed = allowed.iter().map(|h| (*h).to_owned()).collect();
        let host = host.to_owned();
        setup(|c| (c.host, c.allowed_hosts) = (host, allowed))
    };
    let usual = at("127.0.0.1", &["mcp.example.com", "*.ts.net"]);
    let everywhere = at("0.0.0.0", &[]);
    let named = at("proxy.lan", &[]);
    for (setup, host, expected) in [
        (&usual, "localhost:8000", "anonymous"),
        (&usual, "LOCALHOST.:8000", "anonymous"),
        (&usual, "127.0.0.1", "anonymous"),
        (&usual, "[::1]:8000", "anonymous"),
        (&usual, "mcp.example.com", "anonymous"),
        (&usual, "MCP.Example.com.:443", "anonymous"),
        (&usual, "box.tail.ts.net", "anonymous"),
        (&usual, "evil.com", "403 host_not_allowed"),
        (&usual, "localhost.evil.com", "403 host_not_allowed"),
        (&usual, "mcp.example.com.evil.com", "403 host_not_allowed"),
        (&usual, "127.0.0.1.evil.com", "403 host_not_allowed"),
        (&usual, "evil.com@localhost", "403 host_not_allowed"),
        (&usual, "localhost@evil.com", "403 host_not_allowed"),
        (&usual, "localhost:8000, evil.com", "403 host_not_allowed"),
        (&usual, "", "403 host_not_allowed"),
        (&usual, "10.0.0.1:8000", "403 host_not_allowed"),
        (&usual, "0.0.0.0:8000", "403 host_not_allowed"),
        (&everywhere, "10.0.0.1:8000", "anonymous"),
        (&everywhere, "[fd00::1]", "anonymous"),
        (&everywhere, "localhost", "anonymous"),
        (&everywhere, "rebound.evil.com", "403 host_not_allowed"),
        (&named, "proxy.lan:8000", "anonymous"),
        (&named, "10.0.0.1", "403 host_not_allowed"),
    ] {
        assert_eq!(setup.admit(&[("host", host)]), expected, "{host}");
    }
    assert_eq!(usual.admit(&[]), "403 host_not_allowed");
    assert_eq!(usual.admit(&[("host", "localhost"), ("host", "localhost")]), "403 header_twice");
}

#[test]
fn a_target_with_a_host_of_its_own_must_be_ours_too() {
    let setup = setup(|_| {});
    for (uri, host, expected) in [
        ("http://localhost/mcp", Some("localhost"), "anonymous"),
        ("http://localhost/mcp", None, "anonymous"),
        ("http://evil.com/mcp", Some("localhost"), "403 host_not_allowed"),
        ("http://localhost/mcp", Some("evil.com"), "403 host_not_allowed"),
    ] {
        let headers: Vec<_> = host.map(|h| ("host", h)).into_iter().collect();
        let head = head_of("POST", uri, &headers);
        assert_eq!(outcome(setup.guard.admit(&head)), expected, "{uri} {host:?}");
    }
}

#[test]
fn pages_that_may_ask() {
    let pattern = |text| Origin::parse_pattern(text).unwrap();
    let setup =
        setup(|c| c.allowed_origins = vec![pattern("https://app.example.com"), pattern("http://localhost:6274")]);
    for (origin, expected, is_readable) in [
        ("https://app.example.com", "anonymous", true),
        ("http://localhost:6274", "anonymous", true),
        ("http://localhost:3000", "anonymous", false),
        ("http://127.0.0.1:3000", "anonymous", false),
        ("https://[::1]", "anonymous", false),
        ("http://app.example.com", "403 origin_not_allowed", false),
        ("https://app.example.com:8443", "403 origin_not_allowed", false),
        ("https://evil.com", "403 origin_not_allowed", false),
        ("null", "403 origin_not_allowed", false),
        ("", "403 origin_not_allowed", false),
        ("file://", "403 origin_not_allowed", false),
        ("http://user@localhost", "403 origin_not_allowed", false),
        ("http://localhost.evil.com", "403 origin_not_allowed", false),
        ("https://app.example.com https://evil.com", "403 origin_not_allowed", false),
        ("app://localhost", "403 origin_not_allowed", false),
    ] {
        let head = head(&[("host", "localhost"), ("origin", origin)]);
        let result = setup.guard.admit(&head);
        let cors = result.as_ref().ok().and_then(|v| v.cors.clone());
        assert_eq!(cors.as_ref().map(|v| v.to_str().unwrap()), is_readable.then_some(origin), "{origin}");
        assert_eq!(outcome(result), expected, "{origin}");
    }
    let twice = [("host", "localhost"), ("origin", "http://localhost"), ("origin", "http://localhost")];
    assert_eq!(setup.admit(&twice), "403 header_twice");
}

#[test]
fn tokens() {
    let bearer = format!("Bearer {LAPTOP}");
    let basic = format!("Basic {LAPTOP}");
    let (needed, free) = (setup(|c| c.clients.require_auth = true), setup(|_| {}));
    for (shown, when_needed, when_free) in [
        (None, "401 token_missing", "anonymous"),
        (Some(bearer.as_str()), "token:laptop", "token:laptop"),
        (Some("Bearer another-token"), "token:phone", "token:phone"),
        (Some("Bearer another-toke"), "401 token_unknown", "401 token_unknown"),
        (Some("Bearer "), "401 token_unknown", "401 token_unknown"),
        (Some(basic.as_str()), "401 token_unknown", "401 token_unknown"),
        (Some(LAPTOP), "401 token_unknown", "401 token_unknown"),
        (Some(""), "401 token_unknown", "401 token_unknown"),
    ] {
        let headers: Vec<_> = [("host", "localhost")].into_iter().chain(shown.map(|s| ("authorization", s))).collect();
        assert_eq!(needed.admit(&headers), when_needed, "{shown:?}");
        assert_eq!(free.admit(&headers), when_free, "{shown:?}");
    }
    let twice = [("host", "localhost"), ("authorization", bearer.as_str()), ("authorization", "Bearer x")];
    assert_eq!(needed.admit(&twice), "403 header_twice");
}

#[test]
fn a_token_opens_what_it_opens() {
    let setup = setup(|_| {});
    let admit = |bearer: &str| {
        let head = head(&[("host", "localhost"), ("authorization", bearer)]);
        setup.guard.admit(&head).unwrap()
    };
    let laptop = admit(&format!("Bearer {LAPTOP}"));
    assert_eq!((laptop.may_use("files"), laptop.may_use("mail")), (true, false));
    let phone = admit("Bearer another-token");
    assert_eq!((phone.may_use("files"), phone.may_use("mail")), (true, true));
}

#[test]
fn a_refusal_says_how_to_come_in_and_shows_nothing() {
    let setup = setup(|c| c.clients.require_auth = true);
    let refused = |uri: &str, headers: &[(&str, &str)]| {
        let headers: Vec<_> = [("host", "localhost")].into_iter().chain(headers.iter().copied()).collect();
        setup.guard.admit(&head_of("POST", uri, &headers)).unwrap_err()
    };
    let missing = refused("/mcp", &[]);
    assert_eq!(missing.status, StatusCode::UNAUTHORIZED);
    assert_eq!(missing.headers, [("www-authenticate".parse().unwrap(), "Bearer realm=\"mcp-proxy\"".parse().unwrap())]);
    let wrong = refused("/mcp", &[("authorization", "Bearer hunter2hunter2")]);
    assert!(wrong.headers[0].1.to_str().unwrap().contains("invalid_token"));
    let in_url = refused(&format!("/mcp?x=1&access_token={LAPTOP}"), &[]);
    assert!(in_url.fault.message.contains("address"), "{}", in_url.fault.message);
    let evil = refused("/mcp", &[("origin", "https://evil.com\"}")]);
    let all = format!("{missing:?} {wrong:?} {in_url:?} {evil:?} {:?}", setup.guard);
    for secret in ["hunter2", LAPTOP, "another-token", "evil"] {
        assert!(!all.contains(secret), "{all}");
    }
}

#[test]
fn headers_cannot_be_smuggled_into_answers() {
    // What a header cannot hold never gets here; what it can hold is parsed, and shown as it was parsed.
    for host in ["localhost\r\nx: y", "local\0host"] {
        assert!(HeaderValue::from_str(host).is_err());
    }
    let setup = setup(|_| {});
    let refused = setup.guard.admit(&head(&[("host", "evil.com<script>")])).unwrap_err();
    assert!(!refused.fault.to_json().contains("script"));
}

#[test]
fn what_tells_more_needs_a_token_off_loopback() {
    let (free, locked) = (setup(|_| {}), setup(|c| c.clients.require_auth = true));
    let bearer = format!("Bearer {LAPTOP}");
    let shown = ("authorization", bearer.as_str());
    let page = |setup: &Setup, path: &str, peer: &str, headers: &[(&str, &str)]| {
        let headers: Vec<_> = [("host", "localhost")].into_iter().chain(headers.iter().copied()).collect();
        outcome(setup.guard.admit_to_page(&head_of("GET", path, &headers), peer.parse().unwrap()))
    };
    for path in ["/status", "/metrics"] {
        assert_eq!(page(&free, path, HERE, &[]), "anonymous");
        assert_eq!(page(&free, path, "[::ffff:127.0.0.1]:1", &[]), "anonymous");
        assert_eq!(page(&free, path, ELSEWHERE, &[]), "401 token_missing");
        assert_eq!(page(&free, path, HERE, &[("x-forwarded-for", "127.0.0.1")]), "401 token_missing");
        assert_eq!(page(&free, path, ELSEWHERE, &[shown]), "token:laptop");
        assert_eq!(page(&locked, path, HERE, &[]), "401 token_missing");
    }
    let sees_all = |setup: &Setup, peer: &str, headers: &[(&str, &str)]| {
        let headers: Vec<_> = [("host", "localhost")].into_iter().chain(headers.iter().copied()).collect();
        let visitor = setup.guard.admit_to_page(&head_of("GET", "/ready", &headers), peer.parse().unwrap()).unwrap();
        !visitor.is_stranger
    };
    assert_eq!([sees_all(&free, HERE, &[]), sees_all(&free, ELSEWHERE, &[])], [true, false]);
    assert_eq!([sees_all(&locked, HERE, &[]), sees_all(&locked, ELSEWHERE, &[shown])], [false, true]);
    assert!(!sees_all(&free, HERE, &[("authorization", "Bearer wrong")]));
    for path in ["/health", "/ready", "/.well-known/oauth-protected-resource"] {
        assert_eq!(page(&locked, path, ELSEWHERE, &[]), "anonymous");
        assert_eq!(page(&locked, path, ELSEWHERE, &[("origin", "https://evil.com")]), "403 origin_not_allowed");
    }
    assert_eq!(
        outcome(locked.guard.admit_to_page(&head(&[("host", "evil.com")]), HERE.parse().unwrap())),
        "403 host_not_allowed"
    );
}

#[test]
fn questions_before_the_request() {
    let setup = setup(|c| {
        c.clients.require_auth = true;
        c.allowed_origins = vec![Origin::parse_pattern("https://app.example.com").unwrap()];
    });
    let ask = |method: &str, headers: &[(&str, &str)]| {
        let headers: Vec<_> = [("host", "localhost")].into_iter().chain(headers.iter().copied()).collect();
        setup.guard.preflight(&head_of(method, "/mcp", &headers))
    };
    let (origin, wants) = (("origin", "https://app.example.com"), ("access-control-request-method", "POST"));
    assert!(ask("POST", &[origin, wants]).is_none());
    assert!(ask("OPTIONS", &[origin]).is_none());
    assert!(ask("OPTIONS", &[wants]).is_none());
    assert_eq!(ask("OPTIONS", &[("origin", "https://evil.com"), wants]).unwrap().unwrap_err().status, 403);
    // From this machine, but not configured: let in, and nothing to be read.
    let local = ask("OPTIONS", &[("origin", "http://localhost:3000"), wants]).unwrap().unwrap();
    assert_eq!(local.headers.len(), 1);
    let names = "X-Evil, content-type, Mcp-Param-Region, bad name, mcp-param-\u{7f}";
    let asked = ("access-control-request-headers", names.trim_end_matches("mcp-param-\u{7f}"));
    let answer = ask("OPTIONS", &[origin, wants, asked]).unwrap().unwrap();
    let text = format!("{:?}", answer.headers);
    assert!(text.contains("https://app.example.com") && text.contains("mcp-param-region"), "{text}");
    assert!(!text.contains("x-evil") && !text.contains("bad name"), "{text}");
    let page = HeaderValue::from_static("https://app.example.com");
    let after = format!("{:?}", exposed(&page));
    assert!(after.contains("mcp-session-id") && after.contains("https://app.example.com"), "{after}");
}

#[test]
fn a_refused_page_of_a_configured_origin_can_read_why() {
    let setup = setup(|c| {
        c.clients.require_auth = true;
        c.allowed_origins = vec![Origin::parse_pattern("https://app.example.com").unwrap()];
    });
    let head = head(&[("host", "localhost"), ("origin", "https://app.example.com")]);
    let refused = setup.guard.admit(&head).unwrap_err();
    assert_eq!(refused.cors.unwrap(), "https://app.example.com");
}

#[test]
fn a_new_configuration_counts_at_once() {
    let setup = setup(|c| c.clients.require_auth = true);
    let bearer = format!("Bearer {LAPTOP}");
    let headers = [("host", "localhost"), ("authorization", bearer.as_str())];
    let laptop = setup.guard.admit(&head(&headers)).unwrap().principal;
    let nobody = Principal::anonymous();
    let files = token("laptop", LAPTOP, &["files"]).access.clone();
    let all = Access::default();
    let welcome = || {
        let guard = &setup.guard;
        let opens = |who, what: &Access| guard.access_of(who).is_some_and(|now| *now == *what);
        [opens(&laptop, &files), opens(&laptop, &all), opens(&nobody, &all)]
    };
    assert_eq!((setup.admit(&headers).as_str(), welcome()), ("token:laptop", [true, false, false]));
    setup.sender.send_replace(Arc::new(config(|c| c.clients.tokens = vec![token("laptop", LAPTOP, &[])])));
    assert_eq!((setup.admit(&headers).as_str(), welcome()), ("token:laptop", [false, true, true]));
    setup.sender.send_replace(Arc::new(config(|c| c.clients.tokens.clear())));
    assert_eq!((setup.admit(&headers).as_str(), welcome()), ("401 token_unknown", [false, false, true]));
    assert!(setup.guard.access_of(&Principal::own()).is_some());
}

#[test]
fn a_name_that_was_ours_is_looked_at_anew_with_another_configuration() {
    let named = |hosts: &[&str]| config(|c| c.allowed_hosts = hosts.iter().map(|h| (*h).to_owned()).collect());
    let setup = setup(|c| c.allowed_hosts = vec!["proxy.lan".to_owned()]);
    let admit = |host: &str| setup.admit(&[("host", host)]);
    for _ in 0..2 {
        assert_eq!(admit("proxy.lan"), "anonymous");
        for stranger in ["evil.com", "proxy.lan.evil.com", "proxy.la", "proxy.lan:x", ""] {
            assert_eq!(admit(stranger), "403 host_not_allowed", "{stranger}");
        }
    }
    setup.sender.send_replace(Arc::new(named(&["other.lan"])));
    assert_eq!([admit("proxy.lan"), admit("other.lan")], ["403 host_not_allowed", "anonymous"]);
    setup.sender.send_replace(Arc::new(named(&["proxy.lan"])));
    assert_eq!([admit("proxy.lan"), admit("other.lan")], ["anonymous", "403 host_not_allowed"]);
}

#[test]
fn a_token_made_anew_is_another_one_with_the_same_name() {
    let setup = setup(|_| {});
    let bearer = |text: &str| setup.guard.admit(&head(&[("host", "localhost"), ("authorization", text)]));
    let before = bearer(&format!("Bearer {LAPTOP}")).unwrap();
    let anew = vec![token("laptop", "made-anew-after-a-leak", &["files"])];
    setup.sender.send_replace(Arc::new(config(|c| c.clients.tokens = anew)));
    let after = bearer("Bearer made-anew-after-a-leak").unwrap();
    assert_eq!((before.principal.name(), &before.access), (after.principal.name(), &after.access));
    assert_ne!(before.principal, after.principal, "what the old one has opened is not for the new one");
    assert!(setup.guard.access_of(&before.principal).is_none());
    assert!(setup.guard.access_of(&after.principal).is_some());
    assert!(!format!("{:?}", after.principal).contains(char::is_numeric));
}

#[tokio::test(start_paused = true)]
async fn limits_of_principals_and_of_servers() {
    let setup = setup(|c| {
        c.limits.requests_per_minute = Some(3);
        let mut slow = Server::stdio("slow", "x", &[]);
        slow.requests_per_minute = Some(1);
        c.servers = vec![Arc::new(slow)];
    });
    let (a, b) = (Principal::token("a"), Principal::own());
    let call = |who: &Principal, to: Option<&str>| setup.guard.allow_call(who, to).map_err(|RetryAfter(wait)| wait);
    assert_eq!(call(&a, Some("slow")), Ok(()));
    assert_eq!(call(&b, Some("slow")), Err(Duration::from_secs(60)));
    assert_eq!(call(&a, Some("other")), Ok(()));
    assert_eq!(call(&a, None), Ok(()));
    assert_eq!(call(&a, None), Err(Duration::from_secs(20)));
    assert_eq!(call(&b, None), Ok(()));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(call(&a, None), Ok(()));
    let server = |name| setup.guard.allow_server(name).map_err(|RetryAfter(wait)| wait);
    assert_eq!((server("slow"), server("other")), (Err(Duration::from_secs(40)), Ok(())));
    setup.sender.send_replace(Arc::new(config(|_| {})));
    for _ in 0..100 {
        assert_eq!(call(&a, Some("slow")), Ok(()));
    }
}

#[test]
fn who_is_too_fast_hears_when() {
    for (ms, seconds) in [(1, 1), (1000, 1), (1001, 2), (59_999, 60)] {
        let after = RetryAfter(Duration::from_millis(ms));
        let refused = after.refused(None);
        assert_eq!(refused.status, 429);
        assert_eq!(refused.headers[0].1, seconds.to_string().as_str());
        let json = refused.fault.to_json();
        assert!(json.contains("-32603") && json.contains(&format!(r#""retryAfterMs":{ms}"#)), "{json}");
        assert!(json.contains(r#""reason":"rate_limited""#), "{json}");
    }
    assert_eq!(RetryAfter(Duration::from_nanos(1)).seconds(), 1);
}
