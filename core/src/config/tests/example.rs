//! `config.example.yaml` and the template: they load, they show the defaults, and nothing is missing in them.

use super::*;

#[test]
fn the_example_and_the_template_load_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let example = include_str!("../../../../config.example.yaml");
    for text in [example, TEMPLATE] {
        let path = dir.path().join("config.yaml");
        std::fs::write(&path, text).unwrap();
        let loaded = load(&Located::File { path: path.clone() }, &Environment::empty());
        assert_eq!(rendered(&loaded), "no problems in config.yaml (0 servers)\n");
        let config = good(loaded);
        // What the example shows are the defaults.
        assert_eq!(config, Config { paths: vec![path], ..Config::default() });
    }
}

#[test]
fn the_examples_in_the_comments_load_too() {
    let uncomment = |text: &str| -> String {
        let servers = text.split_once("\nservers:\n").unwrap().1;
        let lines = servers.lines().take_while(|l| l.is_empty() || l.starts_with(' '));
        // Prose begins with a capital letter, an entry does not.
        let entries =
            lines.filter_map(|l| l.strip_prefix("  # ")).filter(|l| !l.starts_with(|c: char| c.is_uppercase()));
        "servers:\n".to_owned() + &entries.map(|l| format!("  {l}\n")).collect::<String>()
    };
    let example = include_str!("../../../../config.example.yaml");
    for (text, n) in [(example, 4), (TEMPLATE, 4)] {
        let text = uncomment(text).replace("\"${file:~/.secrets/jira}\"", "x").replace(".env.fs", "/dev/null");
        let environment =
            environment().with("WEATHER_API_KEY", "w").with("DB_CREDENTIALS", "a:b").with("TRACKER_TOKEN", "t");
        let text = text.lines().filter(|l| !l.contains("env_file")).collect::<Vec<_>>().join("\n");
        let loaded = load_text(&text, Path::new(PATH), &environment);
        assert_eq!(rendered(&loaded), format!("no problems in config.yaml ({n} servers)\n"), "{text}");
    }
}
