//! Tokens and secrets as they are kept, and what else is in the file.

use super::*;

#[test]
fn variables_are_kept_beside_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = open(dir.path());
    fs::write(credentials.path(), "{\n  \"A\": \"1\",\n  \"srv\": {\"type\":  \"bearer\"},\n  \"N\": 1.50\n}\n")
        .unwrap();
    credentials.set_variable("B", &Secret::new("two \"words\"\n")).unwrap();
    credentials.set_variable("A", &Secret::new("one")).unwrap();
    credentials.note_keyring("notion", true).unwrap();
    credentials.note_keyring("notion", true).unwrap();
    credentials.add("laptop", &Access::default()).unwrap();
    assert_eq!(credentials.variables().unwrap(), ["A", "B"]);
    assert_eq!(credentials.variable("B").unwrap(), Some(Secret::new("two \"words\"\n")));
    assert_eq!((credentials.variable("srv").unwrap(), credentials.variable("none").unwrap()), (None, None));
    assert_eq!(credentials.keyring_names().unwrap(), ["notion"]);
    let text = fs::read_to_string(credentials.path()).unwrap();
    let first = "{\n  \"A\": \"one\",\n  \"srv\": {\"type\":  \"bearer\"},\n  \"N\": 1.50,\n  \"B\": \"two \\\"words\\\"\\n\",\n";
    assert!(text.starts_with(first), "{text}");
    assert!(matches!(credentials.set_variable("srv", &Secret::new("x")), Err(CredentialsError::NotText { .. })));
    for name in ["", "mcp-proxy", "-x", "a b", "a/b", "..", "é", &"a".repeat(129)] {
        let refused = credentials.set_variable(name, &Secret::new("x"));
        assert!(matches!(refused, Err(CredentialsError::SecretName { .. })), "{name}");
    }
    assert_eq!((credentials.remove_variable("B").unwrap(), credentials.remove_variable("B").unwrap()), (true, false));
    credentials.note_keyring("notion", false).unwrap();
    assert_eq!(
        (credentials.variables().unwrap(), credentials.keyring_names().unwrap()),
        (vec!["A".to_owned()], vec![])
    );
    assert_eq!(names(&credentials), ["laptop"]);
}

fn open(dir: &Path) -> Credentials {
    Credentials { path: dir.join(FILE_NAME) }
}

fn names(credentials: &Credentials) -> Vec<String> {
    credentials.tokens().unwrap().into_iter().map(|t| t.name).collect()
}

#[test]
fn what_is_added_is_there_until_it_is_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = open(&dir.path().join("new/folder"));
    assert_eq!(names(&credentials), [""; 0]);
    let access = Access {
        servers: vec!["a".into()],
        allow: vec!["a__*".into()],
        deny: vec!["a__x".into()],
        ..Access::default()
    };
    let token = credentials.add("laptop", &access).unwrap();
    credentials.add("phone", &Access::default()).unwrap();
    let kept = credentials.tokens().unwrap();
    assert_eq!(kept[0], Kept { name: "laptop".to_owned(), access });
    assert!(kept[1].access.is_full());
    let text = fs::read_to_string(credentials.path()).unwrap();
    assert!(text.contains(&TokenHash::of(token.reveal()).to_text()) && !text.contains(token.reveal()), "{text}");
    assert!(matches!(credentials.add("laptop", &Access::default()), Err(CredentialsError::Exists { .. })));
    assert_eq!(fs::read_to_string(credentials.path()).unwrap(), text);
    credentials.remove("laptop").unwrap();
    assert_eq!(names(&credentials), ["phone"]);
    assert!(matches!(credentials.remove("laptop"), Err(CredentialsError::Unknown { .. })));
    credentials.remove("phone").unwrap();
    assert_eq!(fs::read_to_string(credentials.path()).unwrap(), "{}\n");
    assert_eq!(fs::read_dir(credentials.path().parent().unwrap()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn what_is_not_ours_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = open(dir.path());
    let values = ["\"h\\u00e9\\/\"", "1.10", "{ \"type\" : \"bearer\",\n\t\"token\": \"x\" }", "\"\""];
    let text = format!(
        "{{\"KEY\": {}, \"n\":{},\"server\": {}, \"mcp-proxy\": {{\"later\": [1,  2], \"tokens\": {{}}}}, \"e\": {}}}",
        values[0], values[1], values[2], values[3]
    );
    fs::write(credentials.path(), text).unwrap();
    credentials.add("laptop", &Access::default()).unwrap();
    let text = fs::read_to_string(credentials.path()).unwrap();
    for value in values.iter().chain(&["[1,  2]"]) {
        assert!(text.contains(value), "{value} in {text}");
    }
    let order: Vec<_> = ["KEY", "\"n\"", "\"server\"", "\"e\"", "mcp-proxy"].map(|k| text.find(k).unwrap()).to_vec();
    assert!(order.is_sorted(), "{text}");
}

#[test]
fn what_would_lose_something_is_not_written() {
    for text in
        ["// mine\n{}", "{\"a\": 1,}", "[]", "{", "{\"mcp-proxy\": 1}", "{\"mcp-proxy\": {}, \"mcp-proxy\": {}}"]
    {
        let dir = tempfile::tempdir().unwrap();
        let credentials = open(dir.path());
        fs::write(credentials.path(), text).unwrap();
        let error = credentials.add("laptop", &Access::default()).unwrap_err();
        assert!(matches!(error, CredentialsError::NotJson { .. }), "{text}: {error}");
        assert_eq!(fs::read_to_string(credentials.path()).unwrap(), text);
    }
}

#[test]
fn names_that_cannot_be() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["", "two words", "a/b", "a\nb", "é", &"a".repeat(65)] {
        assert!(matches!(open(dir.path()).add(name, &Access::default()), Err(CredentialsError::Name { .. })), "{name}");
    }
    assert!(!dir.path().join(FILE_NAME).exists());
}

#[test]
fn many_at_once_come_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let credentials = open(dir.path());
    std::thread::scope(|scope| {
        for i in 0..8 {
            let credentials = credentials.clone();
            scope.spawn(move || {
                for j in 0..4 {
                    credentials.add(&format!("t{i}-{j}"), &Access::default()).unwrap();
                }
            });
        }
    });
    assert_eq!(names(&credentials).len(), 32);
}

#[test]
#[cfg(unix)]
fn the_file_is_for_its_owner_only_and_a_link_stays_one() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("dots")).unwrap();
    let real = dir.path().join("dots/real.json");
    fs::write(&real, "{\"KEY\": \"x\"}").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o644)).unwrap();
    symlink(&real, dir.path().join(FILE_NAME)).unwrap();
    open(dir.path()).add("laptop", &Access::default()).unwrap();
    assert!(dir.path().join(FILE_NAME).is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(&open(dir.path())), ["laptop"]);
}

#[test]
fn they_are_kept_where_they_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let home = Environment::empty().with_home(dir.path());
    let nothing = Located::Nothing { looked: Vec::new() };
    let file = Located::File { path: dir.path().join("x/config.yaml") };
    let of = |located: &Located, environment: &Environment| {
        Credentials::of(located, environment).map(|c| c.path().strip_prefix(dir.path()).unwrap().to_owned()).ok()
    };
    assert_eq!(of(&file, &home), Some("x/credentials.json".into()));
    assert_eq!(of(&nothing, &home), Some(".config/mcp-proxy/credentials.json".into()));
    assert_eq!(of(&nothing, &Environment::empty()), None);
    let named = |path: &str| home.clone().with("MCP_CREDENTIALS_PATH", dir.path().join(path).to_str().unwrap());
    fs::create_dir(dir.path().join("folder")).unwrap();
    assert_eq!(of(&file, &named("folder")), Some("folder/credentials.json".into()));
    assert_eq!(of(&file, &named("my.json")), Some("my.json".into()));
}
