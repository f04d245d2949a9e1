//! credentials.json and its kin.
use super::*;

fn place(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    dir
}

const CONFIG: &str = "servers:\n  a: { url: \"https://h/mcp\", auth: { type: bearer, token: \"${KEY}\" } }\n";

fn token(config: &Config) -> String {
    let Target::Http { headers, .. } = &config.servers[0].target else { panic!() };
    headers["Authorization"].reveal().to_owned()
}

fn load_in(dir: &Path, environment: &Environment) -> Loaded {
    load(&Located::File { path: dir.join("config.yaml") }, environment)
}

#[test]
fn lie_beside_the_file() {
    let dir = place(&[("config.yaml", CONFIG), ("credentials.json", r#"{"KEY": "beside"}"#)]);
    let loaded = load_in(dir.path(), &Environment::empty());
    assert_eq!(codes(&loaded), [""; 0]);
    let config = good(loaded);
    assert_eq!(config.paths, [dir.path().join("config.yaml"), dir.path().join("credentials.json")]);
    assert_eq!(token(&config), "Bearer beside");
    let environment = Environment::empty().with("KEY", "environment");
    assert_eq!(token(&good(load_in(dir.path(), &environment))), "Bearer environment");
}

#[test]
fn lie_in_the_folder_of_the_user() {
    let home = place(&[(".config/mcp-proxy/credentials.json", r#"{"KEY": "user's", "a": {"type": "x"}}"#)]);
    let environment = Environment::empty().with_home(home.path());
    let dir = place(&[("config.yaml", CONFIG)]);
    assert_eq!(token(&good(load_in(dir.path(), &environment))), "Bearer user's");
    let dir = place(&[("config.yaml", CONFIG), ("credentials.json", r#"{"KEY": "beside"}"#)]);
    assert_eq!(token(&good(load_in(dir.path(), &environment))), "Bearer beside");
}

#[test]
fn lie_where_the_variable_says() {
    let dir = place(&[
        ("config.yaml", CONFIG),
        ("other.json", r#"{"KEY": "named"}"#),
        ("folder/KEY", "one file\n"),
        ("both/credentials.json", r#"{"KEY": "in folder"}"#),
    ]);
    for (path, expected) in [("other.json", "named"), ("folder", "one file"), ("both", "in folder")] {
        let path = dir.path().join(path);
        let environment = Environment::empty().with("MCP_CREDENTIALS_PATH", path.to_str().unwrap());
        assert_eq!(token(&good(load_in(dir.path(), &environment))), format!("Bearer {expected}"));
    }
}

#[test]
fn can_be_the_auth_of_a_server() {
    let config = "servers:\n  a: { url: \"https://h/mcp\" }\n";
    let auth = r#"{"a": {"type": "bearer", "token": "whole"}}"#;
    let dir = place(&[("config.yaml", config), ("credentials.json", auth)]);
    assert_eq!(token(&good(load_in(dir.path(), &Environment::empty()))), "Bearer whole");
}

#[test]
fn that_are_broken_are_told_without_their_text() {
    let mut all = String::new();
    for text in ["{\"KEY\": \"hunter2\" \"B\"", "{\"KEY\": [\"hunter2\"]}", "{\"KEY\": \"hunter2\n\", hunter2: @}"] {
        let dir = place(&[("config.yaml", CONFIG), ("credentials.json", text)]);
        let loaded = load_in(dir.path(), &Environment::empty());
        all += &human(&loaded, Style::default()).replace(&dir.path().display().to_string(), "DIR");
        all.push('\n');
    }
    assert!(!all.contains("hunter2"));
    snapshot!("credentials_broken", all);
}

#[test]
#[cfg(unix)]
fn that_others_can_read_are_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = place(&[("config.yaml", CONFIG), ("credentials.json", r#"{"KEY": "x"}"#)]);
    let path = dir.path().join("credentials.json");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let loaded = load_in(dir.path(), &Environment::empty());
    assert_eq!(codes(&loaded), ["MP205"]);
    snapshot!("mp205", human(&loaded, Style::default()).replace(&dir.path().display().to_string(), "DIR"));
}

#[test]
fn env_files_and_files() {
    let config = "servers:\n  a: { command: x, env_file: .env, env: { B: own, C: \"${file:key.txt}\" } }\n";
    let dir = place(&[("config.yaml", config), (".env", "A=1\nB=2\n"), ("key.txt", "text\r\n")]);
    let loaded = load_in(dir.path(), &Environment::empty());
    let names: Vec<_> =
        loaded.files.iter().map(|f| (f.path.file_name().unwrap().to_str().unwrap(), f.is_read)).collect();
    let expected = [("config.yaml", true), ("credentials.json", false), (".env", true), ("key.txt", true)];
    assert_eq!(names, expected);
    let config = good(loaded);
    let Target::Stdio { env, .. } = &config.servers[0].target else { panic!() };
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (k.as_str(), v.reveal())).collect();
    assert_eq!(env, [("A", "1"), ("B", "own"), ("C", "text")]);
}

/// A `secret-tool` that keeps its entries in files beside it.
#[cfg(unix)]
const TOOL: &str = "#!/bin/sh
dir=${0%/*}/ring; mkdir -p \"$dir\"
case $1 in
lookup) test -f \"$dir/$5\" && cat \"$dir/$5\" ;;
store) cat > \"$dir/$6\" ;;
clear) rm -f \"$dir/$5\" ;;
esac
";

#[cfg(unix)]
fn with_keyring(dir: &Path) -> Environment {
    use std::os::unix::fs::PermissionsExt as _;
    let tool = dir.join("bin/secret-tool");
    std::fs::create_dir_all(tool.parent().unwrap()).unwrap();
    std::fs::write(&tool, TOOL).unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.join("bin").display());
    Environment::empty().with("PATH", &path).with("DBUS_SESSION_BUS_ADDRESS", "unix:path=/none")
}

#[test]
#[cfg(unix)]
fn the_keyring_gives_back_what_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let environment = with_keyring(dir.path());
    let keyring = Keyring::new(&environment);
    assert_eq!(keyring.get("notion"), Err(KeyringError::NoEntry));
    for value in ["plain", "two words \"$X\" 'é'\\n\n", "-w"] {
        keyring.set("notion", &Secret::new(value)).unwrap();
        assert_eq!(keyring.get("notion"), Ok(Secret::new(value)));
    }
    keyring.remove("notion").unwrap();
    assert_eq!(keyring.remove("notion"), Err(KeyringError::NoEntry));
    // What takes a value and has it no more is no keyring.
    std::fs::write(dir.path().join("bin/secret-tool"), "#!/bin/sh\nexit 0\n").unwrap();
    assert!(matches!(keyring.set("notion", &Secret::new("x")), Err(KeyringError::Missing(_))));
    let nowhere = Environment::empty().with("PATH", "/usr/bin");
    assert!(matches!(Keyring::new(&nowhere).get("notion"), Err(KeyringError::Missing(_))));
}

#[test]
#[cfg(unix)]
fn references_to_the_keyring_and_to_programs() {
    let config = "servers:\n  a: { command: x, env: { A: \"${keyring:notion}\", B: \"${cmd:echo 'two words' ${keyring:notion}}\", C: \"${TOLD}\" } }\n";
    let dir = place(&[
        ("config.yaml", config),
        ("bin/ring/notion", "from the ring"),
        ("bin/ring/TOLD", "told"),
        ("credentials.json", r#"{"mcp-proxy": {"keyring": ["TOLD"]}, "notion": "not this"}"#),
    ]);
    let environment = with_keyring(dir.path());
    let env = |loaded: Loaded| -> Vec<(String, String)> {
        let Target::Stdio { env, .. } = &good(loaded).servers[0].target else { panic!() };
        env.iter().map(|(k, v)| (k.clone(), v.reveal().to_owned())).collect()
    };
    let expected = [("A", "from the ring"), ("B", "two words from the ring"), ("C", "told")];
    assert_eq!(env(load_in(dir.path(), &environment)), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    // A machine without a keyring finds the same names in the credentials.
    let headless = Environment::empty().with("PATH", "/usr/bin:/bin").with("TOLD", "t");
    let found = env(load_in(dir.path(), &headless));
    assert_eq!(found[0].1, "not this");
    // For a file that somebody else may have written nothing is run.
    let loaded = load_in(dir.path(), &environment.without_commands());
    assert_eq!(codes(&loaded), ["MP202"]);
    let text = human(&loaded, Style::default());
    assert!(text.contains("not your own") && !text.contains("from the ring"), "{text}");
}

#[test]
#[cfg(unix)]
fn a_program_is_run_once_however_often_it_is_named() {
    let config = "servers:\n  a: { command: x, env: { A: \"${cmd:./count}\", B: \"${cmd:./count}\" } }\n";
    let dir = place(&[("config.yaml", config), ("count", "#!/bin/sh\necho x >> counted; echo key\n")]);
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir.path().join("count"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let loaded = load_in(dir.path(), &Environment::empty().with("PATH", "/usr/bin:/bin"));
    let config = good(loaded);
    let Target::Stdio { env, .. } = &config.servers[0].target else { panic!() };
    assert_eq!((env["A"].reveal(), env["B"].reveal()), ("key", "key"));
    assert_eq!(std::fs::read_to_string(dir.path().join("counted")).unwrap(), "x\n");
    assert!(!format!("{config:?}").contains("key\""));
}

#[test]
#[cfg(unix)]
fn no_program_is_run_for_a_server_that_is_switched_off() {
    for (switch, n) in [("enabled: false", 0), ("disabled: true", 0), ("enabled: true", 1)] {
        let config = format!(
            "servers:\n  a: {{ command: x, env: {{ A: \"${{cmd:sh -c 'echo x >> ran; echo key'}}\" }}, {switch} }}\n"
        );
        let dir = place(&[("config.yaml", &config)]);
        let environment = Environment::empty().with("PATH", "/usr/bin:/bin");
        let loaded = load_in(dir.path(), &environment);
        assert_eq!(codes(&loaded), <[&str; 0]>::default(), "{}", human(&loaded, Style::default()));
        let ran = std::fs::read_to_string(dir.path().join("ran")).unwrap_or_default();
        assert_eq!(ran.lines().count(), n, "{switch}");
    }
}

#[test]
#[cfg(unix)]
fn no_program_is_started_for_a_text_that_is_being_typed() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("was-run");
    let script = format!("touch {}; echo secret", mark.display());
    let text = format!("servers:\n  a:\n    command: x\n    env: {{ T: '${{cmd:sh -c \"{script}\"}}' }}\n");
    let answers = Answers::default();
    let read = |answers: &Answers| {
        let environment = Environment::empty().with("PATH", "/usr/bin:/bin").with_answers(answers.clone());
        load_text(&text, &dir.path().join("config.yaml"), &environment)
    };
    let value = |loaded: &Loaded| match &loaded.config.as_ref().expect("a good file").servers[0].target {
        Target::Stdio { env, .. } => env["T"].reveal().to_owned(),
        Target::Http { .. } => String::new(),
    };
    let typed = read(&answers);
    assert!(!mark.exists() && typed.diagnostics.is_empty(), "{:?}", typed.diagnostics);
    assert_eq!(value(&read(&answers.asking())), "secret");
    assert!(mark.exists());
    std::fs::remove_file(&mark).unwrap();
    assert_eq!(value(&read(&answers)), "secret", "what was said once is known");
    assert!(!mark.exists());
}
