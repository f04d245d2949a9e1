//! `.mcp-proxy.yaml` of a project, beside the user's own file.
use super::*;

/// A home with a configuration that has the server `own`, and a project in it.
struct World {
    dir: tempfile::TempDir,
    environment: Environment,
}

impl World {
    fn new(project: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("work/app");
        std::fs::create_dir_all(&folder).unwrap();
        let environment =
            Environment::empty().with_home(dir.path()).with_current_dir(&folder).with_project(true).with("KEY", "k");
        let world = Self { dir, environment };
        world.write("config.yaml", "servers:\n  own: { command: mine }\n");
        world.write("credentials.json", "{ \"own\": { \"type\": \"bearer\", \"token\": \"t\" }, \"GIVEN\": \"g\" }");
        world.write("work/app/.mcp-proxy.yaml", project);
        world
    }

    fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn trust(&self) {
        let path = self.dir.path().join("work/app/.mcp-proxy.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        trust::trust(&path, &text, &self.environment).unwrap();
    }

    fn load(&self) -> Loaded {
        load(&Located::File { path: self.dir.path().join("config.yaml") }, &self.environment)
    }

    fn names(&self) -> String {
        let loaded = self.load();
        let config = good(loaded);
        config.servers.iter().map(|s| s.name.to_string()).collect::<Vec<_>>().join(" ")
    }

    fn shown(&self, loaded: &Loaded) -> String {
        human(loaded, Style { is_coloured: false, home: Some(self.dir.path()) })
    }
}

#[test]
fn it_counts_once_it_is_trusted_and_as_long_as_it_is_the_same() {
    let world = World::new("servers:\n  tool: { command: ./tool, env: { A: \"${KEY}\", B: \"${GIVEN}\" } }\n");
    assert_eq!(world.names(), "own");
    snapshot!("mp011_unknown", world.shown(&world.load()));
    world.trust();
    assert_eq!(world.names(), "own tool");
    let loaded = world.load();
    assert_eq!(codes(&loaded), Vec::<&str>::new());
    let config = good(loaded);
    let Target::Stdio { cwd, env, .. } = &config.servers[1].target else { panic!("a program") };
    assert_eq!(cwd.as_deref(), Some(&*world.dir.path().join("work/app")), "it runs in its folder");
    assert_eq!((env["A"].reveal(), env["B"].reveal()), ("k", "g"));
    assert!(config.paths.iter().any(|p| p.ends_with("work/app/.mcp-proxy.yaml")));
    world.write("work/app/.mcp-proxy.yaml", "servers: {}\n");
    assert_eq!(world.names(), "own");
    snapshot!("mp011_changed", world.shown(&world.load()));
}

#[test]
fn it_has_servers_and_takes_nothing_from_anybody() {
    let world = World::new(
        "proxy: { host: 0.0.0.0 }\nclients: { require_auth: false }\ndefaults: { timeout: 5s }\nservers:\n  own: { command: other }\n  b: { command: x, env: { A: \"${cmd:touch here}\" } }\n",
    );
    world.trust();
    let loaded = world.load();
    snapshot!("mp010", world.shown(&loaded));
    assert!(!world.dir.path().join("work/app/here").exists());
    // What is the user's stays the user's: the server, and what the credentials hold for one of that name.
    world.write("config.yaml", "servers: {}\n");
    world.write(
        "work/app/.mcp-proxy.yaml",
        "defaults: { timeout: 5s }\nservers: { own: { url: \"https://h.example.com\" } }\n",
    );
    world.trust();
    let config = good(world.load());
    let Target::Http { headers, .. } = &config.servers[0].target else { panic!("an address") };
    assert!(headers.is_empty(), "the user's token is not for it");
    assert_eq!(config.servers[0].timeout, Duration::from_secs(5));
}

#[test]
fn the_nearest_folder_counts_and_the_home_is_none() {
    let world = World::new("servers: { inner: { command: x } }\n");
    world.write("work/.mcp-proxy.yaml", "servers: { outer: { command: x } }\n");
    world.write(".mcp-proxy.yaml", "servers: { home: { command: x } }\n");
    let at = |folder: &str| {
        let environment = world.environment.clone().with_current_dir(&world.dir.path().join(folder));
        crate::config::project::find(&environment)
            .map(|p| p.strip_prefix(world.dir.path()).unwrap().display().to_string())
    };
    assert_eq!(at("work/app").as_deref(), Some("work/app/.mcp-proxy.yaml"));
    assert_eq!(at("work/app/deep/down").as_deref(), Some("work/app/.mcp-proxy.yaml"));
    assert_eq!(at("work/other").as_deref(), Some("work/.mcp-proxy.yaml"));
    assert_eq!((at(""), at("elsewhere")), (None, None));
    // Nobody who did not ask for it gets it.
    world.trust();
    let located = Located::File { path: world.dir.path().join("config.yaml") };
    let plain = load(&located, &world.environment.clone().with_project(false));
    assert_eq!(good(plain).servers.len(), 1);
}
