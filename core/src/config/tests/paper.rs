//! The product paper's own examples, word for word.
use super::*;

fn with_keys() -> Environment {
    environment().with("WEATHER_API_KEY", "w").with("DB_CREDENTIALS", "user:pw")
}

#[test]
fn standard_installation() {
    let text = r#"{
  "proxy": {
"name": "My MCP Proxy",
"transport": "stdio",
"log_level": "INFO"
  },
  "servers": {
"weather": {
  "transport": "http",
  "url": "https://weather-api.example.com/mcp",
  "auth": {"type": "bearer", "token": "${WEATHER_API_KEY}"}
},
"filesystem": {
  "transport": "stdio",
  "command": "uv",
  "args": ["run", "mcp-filesystem"],
  "env": {"HOME_DIR": "/Users/alex"}
}
  }
}"#;
    let loaded = read_json(text, &with_keys());
    assert_eq!(codes(&loaded), [""; 0]);
    let config = good(loaded);
    assert_eq!(config.name, "My MCP Proxy");
    let Target::Http { url, url_shown, sse: false, headers } = &config.servers[0].target else { panic!() };
    assert_eq!(url.reveal(), "https://weather-api.example.com/mcp");
    assert_eq!(url_shown, url.reveal());
    assert_eq!(headers["Authorization"].reveal(), "Bearer w");
    let Target::Stdio { command, args, env, .. } = &config.servers[1].target else { panic!() };
    assert_eq!(command, "uv");
    assert_eq!(args.iter().map(Secret::reveal).collect::<Vec<_>>(), ["run", "mcp-filesystem"]);
    assert_eq!(env["HOME_DIR"].reveal(), "/Users/alex");
    snapshot!("paper_without_its_key", rendered(&read_json(text, &environment())));
}

#[test]
fn production() {
    let text = r#"{
  "proxy": {
"name": "Production MCP Proxy",
"transport": "http",
"host": "0.0.0.0",
"port": 8000,
"log_level": "INFO"
  },
  "servers": {
"weather": {
  "transport": "http",
  "url": "https://weather-api.example.com/mcp",
  "auth": {"type": "bearer", "token": "${WEATHER_API_KEY}"}
},
"database": {
  "transport": "http",
  "url": "http://db-server:8001/mcp",
  "auth": {"type": "basic", "credentials": "${DB_CREDENTIALS}"}
}
  },
  "features": {
"authentication": true,
"rate_limiting": {"requests_per_minute": 1000},
"monitoring": {"enable_metrics": true, "prometheus_endpoint": "/metrics"}
  }
}"#;
    let loaded = read_json(text, &with_keys());
    snapshot!("paper_production", rendered(&loaded));
    let config = good(loaded);
    assert_eq!((config.transports, config.host.as_str()), (Transports { stdio: false, http: true }, "0.0.0.0"));
    assert!(config.clients.require_auth && config.lacks_token() && config.is_open_to_others());
    assert_eq!(config.limits.requests_per_minute, Some(1000));
    assert_eq!(config.metrics, Metrics { enabled: true, path: "/metrics".to_owned() });
    let Target::Http { headers, .. } = &config.servers[1].target else { panic!() };
    assert_eq!(headers["Authorization"].reveal(), "Basic dXNlcjpwdw==");
}

#[test]
fn environment_variables() {
    let text = r#"{
  "servers": {
"api-server": {
  "transport": "http",
  "url": "${API_BASE_URL}/mcp",
  "auth": {
    "type": "bearer",
    "token": "${API_TOKEN}"
  },
  "timeout": "${REQUEST_TIMEOUT:-30}"
}
  }
}"#;
    let environment = environment().with("API_BASE_URL", "https://api.example.com").with("API_TOKEN", "t");
    let config = good(read_json(text, &environment));
    assert_eq!(config.servers[0].timeout, Duration::from_secs(30));
    let Target::Http { url, url_shown, .. } = &config.servers[0].target else { panic!() };
    assert_eq!(url.reveal(), "https://api.example.com/mcp");
    assert_eq!(url_shown, "${API_BASE_URL}/mcp");
    let config = good(read_json(text, &environment.with("REQUEST_TIMEOUT", "1m")));
    assert_eq!(config.servers[0].timeout, Duration::from_secs(60));
}

#[test]
fn both_transports() {
    for transport in ["\"stdio|http\"", "[stdio, http]", "\"stdio, http\""] {
        let config = good(read(&format!("proxy: {{ transport: {transport} }}\nservers:\n")));
        assert_eq!(config.transports, Transports { stdio: true, http: true }, "{transport}");
    }
}

#[test]
fn entries_for_clients_are_servers_too() {
    let claude = r#"{"mcpServers": {"proxy": {"command": "mcp-proxy", "args": ["run", "--config", "c.json"]}}}"#;
    let cursor = r#"{"mcp": {"servers": {"proxy": {"command": "mcp-proxy", "args": ["run", "--config", "c.json"]}}}}"#;
    for text in [claude, cursor] {
        let loaded = read_json(text, &environment());
        assert_eq!(codes(&loaded), [""; 0]);
        assert_eq!(
            good(loaded).servers[0].target,
            Server::stdio("proxy", "mcp-proxy", &["run", "--config", "c.json"]).target
        );
    }
}
