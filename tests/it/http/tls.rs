//! The door with a certificate, opened by another proxy that trusts it.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::harness::{Home, Peer, eventually};

/// A file beside the tests of the engine.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src/transport/tls_tests").join(name)
}

/// A client whose proxy reaches `address` and trusts one certificate.
fn client_of(address: &str, trusted: &str) -> (Home, Peer) {
    let home = Home::new()
        .url("far", &format!("https://{address}/mcp/a"))
        .and(&format!("tls: {{ ca_file: {:?} }}", file(trusted)))
        .and("restart: { backoff: 1ms..20ms }");
    let peer = home.open();
    (home, peer)
}

#[test]
fn a_renewed_certificate_counts_without_a_restart() {
    let home = Home::with_fake(&[]);
    let put = |from: &str, to: &str| {
        let new = home.path("new.pem");
        std::fs::copy(file(from), &new).expect("a file");
        std::fs::rename(&new, home.path(to)).expect("in its place");
    };
    put("cert.pem", "cert.pem");
    put("key.pem", "key.pem");
    let path = home.config();
    let text = std::fs::read_to_string(&path).expect("written");
    let tls = "proxy: { transport: http, tls: { cert: cert.pem, key: key.pem },";
    std::fs::write(&path, text.replace("proxy: {", tls)).expect("a file");
    let args = ["serve", "--port", "0", "--config", path.to_str().expect("plain")];
    let door = Peer::start(home.command(&args));
    let address = eventually("a port is named", || {
        let stderr = door.stderr();
        let (_, rest) = stderr.split_once("listening on https://")?;
        rest.split_once('/').map(|(address, _)| address.to_owned())
    });
    let set_port = |text: String| {
        // The port was chosen by the system: who asks for our health has to know it.
        let port = address.rsplit_once(':').expect("a port").1;
        std::fs::write(&path, text.replace("proxy: {", &format!("proxy: {{ port: {port},"))).expect("a file");
    };
    set_port(std::fs::read_to_string(&path).expect("written"));
    let health = || home.run(&["health", "--config", path.to_str().expect("plain")]);
    let well = health();
    assert_eq!((well.code, well.stdout.contains("\"ok\"")), (Some(0), true), "{}", well.stderr);
    let (_old, mut old) = client_of(&address, "cert.pem");
    assert_eq!(old.call("far__echo", &json!({"e": 1}))["structuredContent"], json!({"e": 1}));
    put("renewed_cert.pem", "cert.pem");
    put("renewed_key.pem", "key.pem");
    let (_new, mut new) = client_of(&address, "renewed_cert.pem");
    // Its proxy tries again until it is let in.
    eventually("the new certificate is shown", || new.tool_names().contains(&"far__echo".to_owned()).then_some(()));
    assert_eq!(new.call("far__echo", &json!({"e": 2}))["structuredContent"], json!({"e": 2}));
    assert!(door.stderr().contains("the certificate was read again"), "{}", door.stderr());
    assert_eq!(health().code, Some(0));
    // Somebody else's door is not ours.
    put("cert.pem", "other.pem");
    let text = std::fs::read_to_string(&path).expect("written").replace("cert: cert.pem", "cert: other.pem");
    std::fs::write(&path, text).expect("a file");
    let stranger = health();
    assert_eq!(stranger.code, Some(1), "{}", stranger.stdout);
    assert!(!door.stderr().contains("PRIVATE"));
    // Who speaks no TLS is nobody, and disturbs nobody.
    let mut plain = crate::harness::Http::connect(&address);
    plain.send(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert!(!String::from_utf8_lossy(&plain.read_rest()).contains("200"));
    assert_eq!(new.call("far__echo", &json!({"e": 3}))["structuredContent"], json!({"e": 3}));
}
