//! Files as users have them: broken, locked, linked, changed by somebody else. None is lost or half written.

use std::fs;

use super::{plain, put, read};
use crate::harness::{Home, snapshot};

const CURSOR: &str = ".cursor/mcp.json";

/// A world with a configuration, so that there is something to install.
fn world() -> Home {
    let home = Home::new();
    put(
        &home,
        ".config/mcp-proxy/config.yaml",
        "version: 1\nproxy: { env: { path_from_login_shell: false } }\nservers: {}\n",
    );
    home
}

/// `install cursor` fails with these words, and the file stays as it is.
#[track_caller]
fn refused(text: impl AsRef<[u8]>, words: &[&str]) {
    let home = world();
    let path = put(&home, CURSOR, &text);
    let ran = home.run(&["install", "cursor"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
    for word in words {
        assert!(ran.stdout.contains(word), "{word}: {}", ran.stdout);
    }
    assert_eq!(fs::read(&path).expect("there"), text.as_ref());
    assert_eq!(fs::read_dir(path.parent().expect("a folder")).expect("there").count(), 1, "nothing beside it");
    let undone = home.run(&["undo"]);
    assert!(undone.stderr.contains("nothing to undo"), "{}", undone.stderr);
}

#[test]
fn a_file_that_cannot_be_changed_stays_as_it_is() {
    refused("{\n  \"mcpServers\": {},\n}\n", &["~/.cursor/mcp.json:2:19", "trailing commas", "mend it first"]);
    refused("{ // mine\n}", &["1:3", "comments are not allowed"]);
    refused(b"{\"a\": \"\xff\"}", &["is not UTF-8 (byte 7)"]);
    refused("[]", &["is a list, and should be a map"]);
    refused("{\"mcpServers\": []}", &["`mcpServers` is a list"]);
    refused(
        "{\"mcpServers\": {\"mcp-proxy\": {\"command\": \"uvx\", \"args\": [\"mcp-proxy\"]}}}",
        &["an entry `mcp-proxy` that is another program"],
    );
    refused(
        "{\"mcpServers\": {\"mcp-proxy\": {\"command\": \"mcp-proxy\", \"args\": [\"serve\"]}, \"mcp-proxy\": {\"command\": \"mcp-proxy\", \
         \"args\": [\"run\"]}}}",
        &["`mcp-proxy` is there twice"],
    );
    refused(vec![b' '; 33 << 20], &["longer than 32 MiB"]);
}

#[test]
fn odd_files_are_changed_and_put_back_to_the_byte() {
    for text in [
        "",
        "{}",
        "{\"mcpServers\":{}}",
        "\u{feff}{\r\n  \"mcpServers\": {\r\n    \"a\": {}\r\n  }\r\n}\r\n",
        "{\"mcpServers\": null, \"x\": 1.0}",
        "{\n    \"mcpServers\": {\n        \"a\": { \"command\": \"x\" } }\n}",
        "{\"mcpServers\": {\"mcp-proxy\": {\"command\": \"/old/mcp-proxy\", \"args\": [\"serve\"], \"env\": {\"A\": \"b\"}}}}",
    ] {
        let home = world();
        let path = put(&home, CURSOR, text);
        for takes_back in ["undo", "uninstall"] {
            let ran = home.run(&["install", "cursor"]);
            assert_eq!(ran.code, Some(0), "{text}: {}{}", ran.stdout, ran.stderr);
            let now = fs::read_to_string(&path).expect("there");
            let tree: serde_json::Value = serde_json::from_str(now.trim_start_matches('\u{feff}')).expect("JSON");
            let ours = &tree["mcpServers"]["mcp-proxy"];
            assert_eq!(ours["args"], serde_json::json!(["serve", "--stdio"]), "{now}");
            let again = home.run(&["install", "cursor"]);
            assert!(again.stdout.contains("nothing to do"), "{}", again.stdout);
            assert_eq!(home.run(&[takes_back]).code, Some(0));
            if takes_back == "undo" || !text.contains("/old/") {
                assert_eq!(fs::read_to_string(&path).expect("there"), text, "{takes_back}");
            } else {
                assert!(!read(&home, CURSOR).contains("mcp-proxy"), "an older entry of ours goes too");
            }
        }
    }
}

#[test]
fn what_its_owner_wrote_since_stays() {
    let home = world();
    let path = put(&home, CURSOR, "{\"mcpServers\": {}}");
    assert_eq!(home.run(&["install", "cursor"]).code, Some(0));
    let changed = read(&home, CURSOR).replace("\"mcpServers\"", "\"theirs\": 1, \"mcpServers\"");
    fs::write(&path, &changed).expect("written");
    let undone = home.run(&["undo"]);
    assert_eq!(undone.code, Some(1), "{}", undone.stderr);
    assert!(
        undone.stderr.contains("changed since") && undone.stderr.contains("nothing was touched"),
        "{}",
        undone.stderr
    );
    assert_eq!(read(&home, CURSOR), changed);
    assert_eq!(home.run(&["uninstall", "cursor"]).code, Some(0));
    assert_eq!(read(&home, CURSOR), "{\"theirs\": 1, \"mcpServers\": {}}");
}

#[test]
fn whoever_reads_meanwhile_never_sees_half_a_file() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let home = world();
    let path = put(&home, CURSOR, format!("{{\"mcpServers\": {{}}, \"padding\": {:?}}}", "x".repeat(200_000)));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut n_read = 0;
            while !done.load(Ordering::Relaxed) || n_read == 0 {
                let text = fs::read_to_string(&path).expect("always there");
                serde_json::from_str::<serde::de::IgnoredAny>(&text).expect("always whole");
                n_read += 1;
            }
        });
        for _ in 0..5 {
            assert_eq!(home.run(&["install", "cursor"]).code, Some(0));
            assert_eq!(home.run(&["undo"]).code, Some(0));
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("every read was whole");
    });
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_read_only_files_are_not_written() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let home = world();
    let dotfile = put(&home, "dotfiles/mcp.json", "{}");
    fs::create_dir_all(home.path("home/.cursor")).expect("made");
    symlink(&dotfile, home.path("home").join(CURSOR)).expect("linked");
    assert_eq!(home.run(&["install", "cursor"]).code, Some(0));
    assert!(fs::symlink_metadata(home.path("home").join(CURSOR)).expect("there").is_symlink());
    assert!(read(&home, "dotfiles/mcp.json").contains("mcp-proxy"));
    assert_eq!(home.run(&["undo"]).code, Some(0));
    assert_eq!(read(&home, "dotfiles/mcp.json"), "{}");

    fs::set_permissions(&dotfile, fs::Permissions::from_mode(0o444)).expect("set");
    let ran = home.run(&["install", "cursor"]);
    assert!(ran.code == Some(1) && ran.stdout.contains("is read-only"), "{}", ran.stdout);
    assert_eq!(read(&home, "dotfiles/mcp.json"), "{}");

    fs::remove_file(&dotfile).expect("removed");
    let ran = home.run(&["install", "cursor"]);
    assert!(ran.code == Some(1) && ran.stdout.contains("a link that leads nowhere"), "{}", ran.stdout);
}

#[test]
fn nobody_is_surprised() {
    let home = Home::new();
    let none = home.run(&["install", "cursor"]);
    assert_eq!(none.code, Some(2));
    assert!(
        none.stderr.contains("no configuration yet") && none.stderr.contains("mcp-proxy import"),
        "{}",
        none.stderr
    );
    let home = world();
    let unknown = home.run(&["install", "kursor"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("cursor"), "{}", unknown.stderr);
    let nobody = home.run(&["install"]);
    assert!(nobody.code == Some(2) && nobody.stderr.contains("no client was found"), "{}", nobody.stderr);
    put(&home, CURSOR, "{}");
    let unasked = home.run(&["install"]);
    assert!(unasked.code == Some(2) && unasked.stderr.contains("nothing was changed"), "{}", unasked.stderr);
    let dry = home.run(&["install", "--all", "--dry-run"]);
    assert!(dry.stdout.contains("would be added") && dry.stderr.contains("+"), "{}{}", dry.stdout, dry.stderr);
    assert_eq!(read(&home, CURSOR), "{}");
    let by_hand = home.run(&["install", "warp"]);
    assert!(by_hand.stdout.contains("paste this") && by_hand.stdout.contains("\"mcpServers\""), "{}", by_hand.stdout);
    // One that was named is set up although nobody has started it yet.
    let early = home.run(&["install", "lm-studio", "--url", "http://127.0.0.1:8000/mcp"]);
    assert_eq!(early.code, Some(0), "{}", early.stdout);
    assert!(read(&home, ".lmstudio/mcp.json").contains("\"url\": \"http://127.0.0.1:8000/mcp\""));
    assert_eq!(home.run(&["undo"]).code, Some(0));
    assert!(!home.path("home/.lmstudio/mcp.json").exists());
    let refused = home.run(&["install", "claude-desktop", "--url", "http://127.0.0.1:8000/mcp"]);
    assert!(refused.code == Some(1) && refused.stdout.contains("cannot hold an address"), "{}", refused.stdout);
}

#[test]
fn secrets_are_named_and_never_shown_and_comments_stay() {
    const SECRET: &str = "ghp_abcdefghijklmnop0123456789";
    let home = world();
    let config = put(
        &home,
        ".config/mcp-proxy/config.yaml",
        "# mine\nversion: 1\nservers:\n  git: # local\n    command: uvx\n    args: [mcp-server-git]\n# end\n",
    );
    put(
        &home,
        CURSOR,
        format!(
            "{{\"mcpServers\": {{\"git\": {{\"command\": \"uvx\", \"args\": [\"mcp-server-git\"]}}, \"hub\": {{\"command\": \"npx\", \"args\": \
             [\"-y\", \"hub\"], \"env\": {{\"GITHUB_TOKEN\": \"{SECRET}\"}}}}, \"me\": {{\"command\": \"mcp-proxy\", \"args\": [\"serve\", \"--stdio\"]}}}}}}"
        ),
    );
    for args in [&["import", "--dry-run"][..], &["import", "--from", "cursor", "--yes"], &["import"]] {
        let ran = home.run(args);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(!ran.stdout.contains(SECRET) && !ran.stderr.contains(SECRET), "{}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains("left out, it is mcp-proxy itself"), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("`env.GITHUB_TOKEN` has a secret in plain text") == (args != ["import"]),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("you have it already"), "{}", ran.stdout);
    }
    let text = fs::read_to_string(&config).expect("there");
    assert!(text.starts_with("# mine\n") && text.ends_with("# end\n") && text.contains("git: # local\n"), "{text}");
    assert!(
        text.contains(
            "  hub:\n    command: npx\n    args: [-y, hub]\n    env:\n      GITHUB_TOKEN: \"${keyring:GITHUB_TOKEN}\"\n"
        ),
        "{text}"
    );
    let kept = read(&home, ".config/mcp-proxy/credentials.json");
    assert!(kept.contains(&format!("\"GITHUB_TOKEN\": \"{SECRET}\"")), "{kept}");
    assert!(home.run(&["check"]).stdout.find("MP204").is_none(), "nothing is in the open");
    assert_eq!(home.run(&["undo"]).code, Some(0));
    assert!(!fs::read_to_string(&config).expect("there").contains("hub"));
    // As it stands there, if its owner wants it so.
    let ran = home.run(&["import", "--yes", "--keep-secrets"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(fs::read_to_string(&config).expect("there").contains(SECRET));
    assert_eq!(home.run(&["undo"]).code, Some(0));
    // Another secret of that name is not written over.
    put(&home, ".config/mcp-proxy/credentials.json", "{ \"GITHUB_TOKEN\": \"another\" }");
    let ran = home.run(&["import", "--yes"]);
    assert!(ran.stderr.contains(": `GITHUB_TOKEN-2`"), "{}", ran.stderr);
    let kept = read(&home, ".config/mcp-proxy/credentials.json");
    assert!(kept.contains("\"GITHUB_TOKEN\": \"another\"") && kept.contains("GITHUB_TOKEN-2"), "{kept}");
}

#[cfg(unix)]
#[test]
fn what_a_client_asks_for_is_asked_for() {
    let home = world();
    put(
        &home,
        ".config/Code/User/mcp.json",
        "{\"servers\": {\"hub\": {\"command\": \"true\", \"env\": {\"T\": \"${input:hub-token}\", \"GITHUB_TOKEN\": \"ghp_abcdefghijklmnop0123456789\"}}}}",
    );
    let mut screen = crate::harness::Screen::start(&home.command(&["import"]), (140, 40));
    screen.shows(&["write 1 server to ~/.config/mcp-proxy/config.yaml? [y/N]"]);
    screen.keys("y\r").shows(&["value of hub-token (not shown):"]);
    screen.keys("hunter2hunter2\r").shows(&["keep 1 secret in the keyring", "[Y/n]"]);
    screen.keys("\r");
    assert!(screen.end().success(), "{}", String::from_utf8_lossy(&screen.raw()));
    assert!(!String::from_utf8_lossy(&screen.raw()).contains("hunter2"));
    let text = read(&home, ".config/mcp-proxy/config.yaml");
    assert!(text.contains("${keyring:hub-token}") && !text.contains("enabled: false"), "{text}");
    let kept = read(&home, ".config/mcp-proxy/credentials.json");
    assert!(kept.contains("\"hub-token\": \"hunter2hunter2\"") && kept.contains("ghp_"), "{kept}");
}

#[test]
fn servers_of_projects_and_of_older_files_are_found() {
    let home = world();
    put(
        &home,
        ".claude.json",
        "{\"projects\": {\"/work/app\": {\"mcpServers\": {\"db\": {\"command\": \"db-mcp\"}}}, \"/work/site\": {\"mcpServers\": {\"db\": {\"command\": \"db-mcp\", \"args\": [\"site\"]}}}}}",
    );
    put(
        &home,
        ".config/Code/User/settings.json",
        "{ // mine\n  \"mcp\": { \"servers\": { \"old\": { \"command\": \"old-mcp\" }, }, },\n}",
    );
    let ran = home.run(&["import", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for words in
        ["Claude Code, /work/app (1)", "VS Code, settings.json (1)", "it was for /work/app only", "+ db-claude-code"]
    {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
    let text = read(&home, ".config/mcp-proxy/config.yaml");
    for words in ["  old:\n    command: old-mcp\n", "    tags: [app]\n", "    tags: [site]\n"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let by_name = home.run(&[
        "import",
        "--dry-run",
        "--from",
        home.path("home/.config/Code/User/settings.json").to_str().expect("text"),
    ]);
    assert!(by_name.stdout.contains("= old") && by_name.stdout.contains("you have it already"), "{}", by_name.stdout);
}

#[test]
fn a_file_by_name_is_read_whoever_it_belongs_to() {
    let home = world();
    let from = put(
        &home,
        "project/.mcp.json",
        "{\"mcpServers\": {\"a\": {\"type\": \"http\", \"url\": \"https://h.example.com/mcp\", \"headers\": {\"X\": \"${HOME}\"}}}}",
    );
    let ran = home.run(&["import", "--from", from.to_str().expect("text")]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let text = read(&home, ".config/mcp-proxy/config.yaml");
    assert!(
        text.contains("servers:\n  a:\n    url: \"https://h.example.com/mcp\"\n    headers:\n      X: \"${HOME}\"\n"),
        "{text}"
    );
    for (name, content, words) in [
        ("none.json", None, "there is no such file"),
        ("empty.json", Some("{}"), "it has no servers under"),
        ("broken.json", Some("{"), "mend it first"),
    ] {
        if let Some(content) = content {
            put(&home, name, content);
        }
        let ran = home.run(&["import", "--from", home.path("home").join(name).to_str().expect("text")]);
        assert!(ran.code == Some(2) && ran.stderr.contains(words), "{}", ran.stderr);
    }
}

#[test]
fn a_broken_client_costs_the_others_nothing_and_check_names_it() {
    let home = world();
    put(&home, CURSOR, "{\"mcpServers\": {},}");
    put(&home, ".codex/config.toml", "[mcp_servers.x]\ncommand = \"true\"\n");
    let imported = home.run(&["import"]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    assert!(imported.stdout.contains("not read: Cursor") && imported.stdout.contains("+ x"), "{}", imported.stdout);
    let installed = home.run(&["install", "--all"]);
    assert_eq!(installed.code, Some(1), "{}", installed.stdout);
    assert!(installed.stderr.contains("1 of 2 clients were not changed"), "{}", installed.stderr);
    assert!(read(&home, ".codex/config.toml").contains("[mcp_servers.mcp-proxy]"));
    let checked = home.run(&["check", "--clients"]);
    let shown = plain(&home, &checked.stdout);
    assert!(shown.contains("MP801") && shown.contains("~/.cursor/mcp.json:1:18"), "{shown}");
    assert!(shown.contains("Codex CLI: it also starts `x` itself"), "{shown}");
    snapshot("check_clients", &shown);
    let doctor = home.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("problem  its file has an error: ~/.cursor/mcp.json:1:18"), "{}", doctor.stdout);
    snapshot("doctor", &plain(&home, &doctor.stdout).replace("/usr/bin/true", "/bin/true"));
}

#[test]
fn doctor_says_what_a_client_does_not_pass_on() {
    let home = world();
    put(
        &home,
        ".config/mcp-proxy/config.yaml",
        "version: 1\nproxy: { env: { path_from_login_shell: false } }\nservers:\n  a: { command: no-such-program, env: { T: \"${ONLY_IN_THE_SHELL}\" } }\n",
    );
    put(
        &home,
        ".codex/config.toml",
        "[mcp_servers.mcp-proxy]\ncommand = \"/gone/mcp-proxy\"\nargs = [\"serve\", \"--stdio\"]\n",
    );
    let mut command = home.command(&["doctor"]);
    command.env("ONLY_IN_THE_SHELL", "x");
    let ran = crate::harness::Running::to_end(command);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    for words in [
        "it does not pass on what your shell has, so mcp-proxy will not start: `ONLY_IN_THE_SHELL` is not set",
        "`/gone/mcp-proxy` cannot be started",
        "a: `no-such-program` was not found on PATH",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.stdout);
    }
}

#[test]
fn nothing_that_stands_in_a_client_s_file_is_run() {
    let home = world();
    let mark = home.path("was-run");
    let run = format!("${{cmd:touch {}}}", mark.display());
    let entry = serde_json::json!({ "mcpServers": { "a": {
        "type": "stdio", "command": "cat", "args": [run, format!("${{NONE:-{run}}}"), "${keyring:k}", "${HOME:-x}"],
    } } });
    put(&home, ".claude.json", entry.to_string());
    let other = put(&home, "other.json", entry.to_string());
    let other = other.to_str().expect("text");
    for args in [
        &["import", "--yes"][..],
        &["check"],
        &["import", "--dry-run", "--from", other],
        &["init", "--from", other, "--path", "new.yaml"],
        &["check", "--config", "new.yaml"],
    ] {
        let ran = home.run(args);
        assert!(!mark.exists(), "{args:?}: {}{}", ran.stdout, ran.stderr);
    }
    let text = read(&home, ".config/mcp-proxy/config.yaml");
    for words in ["\"$${cmd:touch ", "\"${NONE:-$${cmd:touch ", "$${keyring:k}", "${HOME:-x}"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn programs_of_references_are_asked_by_those_who_need_their_answer_and_once() {
    let home = world();
    let counted = home.path("counted");
    put(
        &home,
        ".config/mcp-proxy/config.yaml",
        format!(
            "version: 1\nproxy: {{ env: {{ path_from_login_shell: false }} }}\nclients: {{ tokens: {{ t: '${{cmd:sh -c \"echo x >> {0}; echo 0123456789012345678901234\"}}' }} }}\nservers:\n  a: {{ command: cat, env: {{ API_KEY: hunter2hunter2, T: '${{cmd:sh -c \"echo x >> {0}; echo value\"}}' }} }}\n",
            counted.display()
        ),
    );
    let n_asked = || fs::read_to_string(&counted).unwrap_or_default().lines().count();
    for client in [CURSOR, ".codeium/windsurf/mcp_config.json"] {
        put(&home, client, "{}");
    }
    put(&home, ".codex/config.toml", "");
    for args in [
        &["install", "--all", "--yes"][..],
        &["token", "list"],
        &["secret", "list"],
        &["secret", "move", "--credentials"],
        &["import", "--yes"],
        &["uninstall"],
        &["undo"],
    ] {
        let ran = home.run(args);
        assert_eq!((ran.code, n_asked()), (Some(0), 0), "{args:?}: {}{}", ran.stdout, ran.stderr);
    }
    assert!(read(&home, ".config/mcp-proxy/config.yaml").contains("API_KEY: \"${keyring:API_KEY}\""));
    let doctor = home.run(&["doctor"]);
    assert_eq!(n_asked(), 2, "each once, whatever clients there are: {}", doctor.stdout);
    assert!(!doctor.stdout.contains("does not pass on"), "{}", doctor.stdout);
}

#[test]
fn in_the_home_directory_there_is_no_project_to_be_told_of() {
    let home = world();
    put(&home, CURSOR, "{\"mcpServers\": {\"a\": {\"command\": \"a-mcp\"}}}");
    put(&home, ".vscode/mcp.json", "{\"servers\": {\"b\": {\"command\": \"b-mcp\"}}}");
    let mut command = home.command(&["import", "--yes"]);
    command.current_dir(home.path("home"));
    let ran = crate::harness::Running::to_end(command);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("--from .vscode/mcp.json") && !ran.stderr.contains("--from .cursor"), "{}", ran.stderr);
}

#[test]
fn what_we_start_now_is_taken_out_of_clients_on_request_and_put_back() {
    let home = world();
    put(
        &home,
        ".config/mcp-proxy/config.yaml",
        "version: 1\nproxy: { env: { path_from_login_shell: false } }\nservers:\n  notes: { command: npx, args: [-y, notes-mcp, \"${HOME}/n\"] }\n  off: { command: off-mcp, enabled: false }\n",
    );
    let cursor = "{ \"mcpServers\": {\n  \"mine\": {\"command\": \"mine-mcp\"},\n  \"notes\": {\"command\": \"npx\", \"args\": [\"-y\", \"notes-mcp\", \"${env:HOME}/n\"]},\n  \"off\": {\"command\": \"off-mcp\"}\n} }";
    let codex = "# mine\n[mcp_servers.notes] # theirs\ncommand = \"npx\"\nargs = [\"-y\", \"notes-mcp\", \"HOME/n\"]\n";
    let codex = codex.replace("HOME", home.path("home").to_str().expect("text"));
    put(&home, CURSOR, cursor);
    put(&home, ".codex/config.toml", &codex);
    let told = home.run(&["install", "--all"]);
    assert!(told.stderr.contains("`mcp-proxy install --replace`"), "{}", told.stderr);
    assert!(home.run(&["doctor"]).stdout.contains("install --replace cursor"));
    let ran = home.run(&["install", "--all", "--replace"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout.matches("in the place of `notes`").count(), 2, "{}", ran.stdout);
    let now = read(&home, CURSOR);
    assert!(now.contains("mine-mcp") && now.contains("off-mcp") && !now.contains("notes-mcp"), "{now}");
    let now = read(&home, ".codex/config.toml");
    assert!(now.contains("# mine") && now.contains("[mcp_servers.mcp-proxy]") && !now.contains("notes-mcp"), "{now}");
    let doctor = home.run(&["doctor"]).stdout;
    assert!(!doctor.contains("tools are there twice"), "{doctor}");
    // As if neither had been typed.
    assert_eq!(home.run(&["uninstall"]).code, Some(0));
    assert_eq!((read(&home, CURSOR).as_str(), read(&home, ".codex/config.toml")), (cursor, codex.clone()));
    assert_eq!(home.run(&["undo"]).code, Some(0));
    assert!(!read(&home, CURSOR).contains("notes-mcp"));
    put(&home, ".config/mcp-proxy/config.yaml", "servers: { notes: { comand: npx } }\n");
    assert_eq!(home.run(&["install", "--all", "--replace"]).code, Some(2));
}
