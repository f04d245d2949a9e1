//! Who gets in, and what becomes of those who misbehave.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::super::{Ask, Command, Told};
use super::line::Said;
use super::*;
use crate::config::Config;
use crate::observe::{Flow, FlowKind};
use crate::protocol::CallId;
use crate::proxy::{Memory, Options, Proxy, TaskIds};
use crate::transport::Guardian;

/// After this long a test has failed. Never reached by one that passes.
const DEADLINE: Duration = Duration::from_secs(60);

/// An engine without servers, and its socket in a folder of its own.
struct World {
    dir: tempfile::TempDir,
    environment: Environment,
    handle: ProxyHandle,
    socket: ControlSocket,
    engine: std::sync::Arc<crate::session::Engine>,
    _running: JoinSet<()>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment = environment(dir.path());
        let options = Options {
            has_screen: false,
            await_client: false,
            guardian: Guardian::none(),
            memory: Memory::new(None),
            task_ids: TaskIds::new(None),
        };
        let proxy = Proxy::start(Config::default(), options);
        let handle = proxy.handle();
        let engine = proxy.engine_for_tests();
        let mut running = JoinSet::new();
        running.spawn(proxy.run(std::future::pending()));
        let socket = ControlSocket::open(handle.clone(), "test", &environment).expect("a socket");
        Self { dir, environment, handle, socket, engine, _running: running }
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("run/mcp-proxy")
    }

    async fn remote(&self) -> Remote {
        Remote::open(self.socket.path()).await.expect("connected")
    }

    /// A row of the journal.
    fn flow(&self, target: &str) -> CallId {
        let mut flow = Flow::new(FlowKind::Call, "tools/call".into());
        flow.target = Some(target.into());
        self.engine.ctx.observer.begin(flow)
    }
}

/// A world below `dir`.
fn environment(dir: &Path) -> Environment {
    let run = dir.join("run");
    fs::create_dir_all(&run).unwrap();
    let state = dir.join("state");
    let text = |p: &Path| p.to_str().unwrap().to_owned();
    Environment::empty().with("XDG_RUNTIME_DIR", &text(&run)).with("XDG_STATE_HOME", &text(&state))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A line of an engine.
async fn line(reader: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    tokio::time::timeout(DEADLINE, reader.read_line(&mut line)).await.expect("a line").expect("readable");
    serde_json::from_str(&line).unwrap_or_else(|e| panic!("no JSON ({e}): {line}"))
}

async fn connect(world: &World) -> BufReader<UnixStream> {
    let mut reader = BufReader::new(UnixStream::connect(world.socket.path()).await.unwrap());
    assert_eq!(line(&mut reader).await["hello"]["protocol"], 1);
    reader
}

/// The engines of this test: others may be at work on this machine.
fn running_in(environment: &Environment, dir: &Path) -> Vec<PathBuf> {
    running(environment).into_iter().filter(|found| found.starts_with(dir)).collect()
}

#[tokio::test]
async fn the_same_answers_as_in_the_same_process() {
    let world = World::new();
    assert_eq!(mode(&world.folder()), 0o700);
    assert_eq!(running_in(&world.environment, &world.folder()), [world.socket.path()]);
    let mut remote = world.remote().await;
    assert_eq!((remote.hello().pid, remote.hello().face.as_str()), (std::process::id(), "test"));
    let id = world.flow("a__b");
    let Told::Snapshot(snapshot) = remote.ask(Ask::Snapshot).await.unwrap() else { panic!("a snapshot") };
    assert_eq!((snapshot.name.as_str(), snapshot.totals.n_in_flight), ("mcp-proxy", 1));
    let Told::Flows(window) = remote.ask(Ask::Flows { from: CallId(0), limit: 10 }).await.unwrap() else {
        panic!("rows")
    };
    assert_eq!(window.rows.iter().map(|f| (f.id, f.target.as_deref())).collect::<Vec<_>>(), [(id, Some("a__b"))]);
    let cancel = Ask::Command(Command::Start("nobody".into()));
    let Told::Refused(why) = remote.ask(cancel).await.unwrap() else { panic!("refused") };
    assert_eq!(why, "no server `nobody`");
    let Told::Refused(why) = remote.ask(Ask::Reload).await.unwrap() else { panic!("refused") };
    assert!(why.contains("without a configuration file"), "{why}");
}

#[tokio::test]
async fn a_subscriber_is_told_of_changes() {
    let world = World::new();
    let mut remote = world.remote().await;
    assert!(matches!(remote.ask(Ask::Subscribe).await.unwrap(), Told::Done));
    for _ in 0..3 {
        world.flow("x");
        tokio::time::timeout(DEADLINE, remote.changed()).await.expect("told").unwrap();
    }
}

#[tokio::test]
async fn a_reader_that_stalls_loses_rows_and_is_told_how_many() {
    let world = World::new();
    let mut remote = world.remote().await;
    remote.ask(Ask::Subscribe).await.unwrap();
    // More than the journal keeps, while nothing is read.
    let name = "n".repeat(2000);
    for _ in 0..20_000 {
        let id = world.flow(&name);
        world.engine.ctx.observer.end(
            id,
            None,
            FlowKind::Call,
            &crate::observe::Ended {
                status: crate::observe::Status::Ok,
                timing: crate::observe::Timing::default(),
                returned: None,
                answered: None,
                tool: None,
            },
        );
    }
    let Told::Flows(window) = remote.ask(Ask::Flows { from: CallId(0), limit: 500 }).await.unwrap() else {
        panic!("rows")
    };
    assert!(window.first > CallId(0), "rows before this one are lost: {:?}", window.first);
    assert_eq!(window.rows.first().map(|f| f.id), Some(window.first));
    assert!(window.rows.len() > 1);
}

#[tokio::test]
async fn garbage_and_endless_lines_end_the_talk_and_nothing_else() {
    let world = World::new();
    let garbage = [
        "\0\u{1}nonsense\n",
        "{}\n",
        "{\"id\":1,\"ask\":\"nothing\"}\n",
        "[[[[[[\n",
        "\n",
        "{\"id\":-1,\"ask\":\"snapshot\"}\n",
    ];
    for text in garbage {
        let mut reader = connect(&world).await;
        reader.get_mut().write_all(text.as_bytes()).await.unwrap();
        let said = line(&mut reader).await;
        assert!(said["closed"].as_str().is_some_and(|w| w.starts_with("no question")), "{text:?}: {said}");
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
    }
    // Twenty megabytes without an end: refused after the first few.
    let mut reader = connect(&world).await;
    let block = vec![b'x'; 1 << 20];
    for _ in 0..20 {
        if reader.get_mut().write_all(&block).await.is_err() {
            break;
        }
    }
    let mut said = String::new();
    // What was not read makes the system break the connection: the reason may be lost with it.
    if reader.read_line(&mut said).await.is_ok() && !said.is_empty() {
        assert!(said.contains("64 KiB"), "{said}");
    }
    let mut remote = world.remote().await;
    assert!(matches!(remote.ask(Ask::Snapshot).await, Ok(Told::Snapshot(_))));
}

/// Time passes at once where nothing else happens.
#[tokio::test(start_paused = true)]
async fn an_engine_that_stalls_in_the_middle_of_an_answer_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let hello = serde_json::to_string(&Said::Hello(Hello::new(&Config::default(), "test"))).unwrap();
    for (greeting, is_greeted) in
        [(String::new(), false), (hello[..hello.len() / 2].to_owned(), false), (hello + "\n", true)]
    {
        let engine = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(greeting.as_bytes()).await.unwrap();
            let mut asked = [0; 1024];
            // The question, or the end.
            let n = stream.read(&mut asked).await.unwrap();
            if n > 0 {
                stream.write_all(b"{\"told\":{\"id\":1,").await.unwrap();
                while stream.read(&mut asked).await.unwrap_or(0) > 0 {}
            }
        };
        let face = async {
            let mut remote = match Remote::open(&path).await {
                Ok(remote) => remote,
                Err(error) => return assert!(matches!(error, RemoteError::Silent) && !is_greeted, "{error}"),
            };
            assert!(is_greeted);
            assert!(matches!(remote.ask(Ask::Snapshot).await, Err(RemoteError::Silent)));
        };
        tokio::join!(engine, face);
    }
}

#[tokio::test]
async fn half_a_question_keeps_nobody_else_from_asking() {
    let world = World::new();
    let mut reader = connect(&world).await;
    reader.get_mut().write_all(b"{\"id\":7,\"ask\":\"snap").await.unwrap();
    let mut remote = world.remote().await;
    assert!(matches!(remote.ask(Ask::Snapshot).await, Ok(Told::Snapshot(_))));
    // The rest comes late, and is answered.
    reader.get_mut().write_all(b"shot\"}\n").await.unwrap();
    assert_eq!(line(&mut reader).await["told"]["id"], 7);
}

#[tokio::test]
async fn a_thousand_connections_are_no_harm() {
    let world = World::new();
    let mut open = Vec::new();
    for _ in 0..1000 {
        // The system refuses who comes too fast.
        if let Ok(stream) = UnixStream::connect(world.socket.path()).await {
            open.push(stream);
        }
    }
    assert!(open.len() > 32, "{}", open.len());
    // Those who are too many are told so, or sent away without a word.
    let mut n_served = 0;
    for stream in open {
        let mut reader = BufReader::new(stream);
        let mut said = String::new();
        let read = tokio::time::timeout(DEADLINE, reader.read_line(&mut said)).await.expect("an answer or the end");
        n_served += usize::from(read.is_ok() && said.contains("hello"));
    }
    assert!(n_served >= 1, "{n_served}");
    let found = async {
        loop {
            if let Ok(mut remote) = Remote::open(world.socket.path()).await
                && matches!(remote.ask(Ask::Snapshot).await, Ok(Told::Snapshot(_)))
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, found).await.expect("they have left: there is room again");
}

#[tokio::test]
async fn a_folder_that_others_can_use_is_not_used() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let folder = dir.path().join("run/mcp-proxy");
    let check = |hello: &Hello| {
        let (path, _listener) = place::open(&environment, hello).expect("the next folder");
        assert!(path.starts_with(dir.path().join("state/mcp-proxy/run")), "{}", path.display());
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        fs::remove_file(path).unwrap();
    };
    let hello = Hello::new(&Config::default(), "test");
    // Others may write into it.
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    check(&hello);
    assert!(running_in(&environment, dir.path()).is_empty());
    // A link, wherever it leads.
    fs::remove_dir(&folder).unwrap();
    fs::create_dir(dir.path().join("elsewhere")).unwrap();
    symlink(dir.path().join("elsewhere"), &folder).unwrap();
    check(&hello);
    // A file.
    fs::remove_file(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    check(&hello);
    assert_eq!(fs::read_dir(dir.path().join("elsewhere")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_folder_of_another_user_is_not_used() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give one away.
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let folder = dir.path().join("run/mcp-proxy");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::chown(&folder, Some(65534), None).unwrap();
    let (path, _listener) = place::open(&environment, &Hello::new(&Config::default(), "test")).unwrap();
    assert!(path.starts_with(dir.path().join("state")), "{}", path.display());
}

#[tokio::test]
async fn a_link_in_its_place_is_replaced_and_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    let hello = Hello::new(&Config::default(), "test");
    let (path, listener) = place::open(&environment, &hello).unwrap();
    drop(listener);
    fs::remove_file(&path).unwrap();
    let victim = dir.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, &path).unwrap();
    symlink(&victim, path.with_file_name(format!(".{}", std::process::id()))).unwrap();
    let (again, _listener) = place::open(&environment, &hello).unwrap();
    assert_eq!(again, path);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!fs::symlink_metadata(&path).unwrap().file_type().is_symlink());
    // A link to a socket is none of ours, either.
    symlink(&path, path.with_file_name("x-0-1.sock")).unwrap();
    assert_eq!(running_in(&environment, dir.path()), [path]);
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let environment = environment(dir.path());
    // No process has this number.
    let hello = Hello { pid: 2_000_000_000, ..Hello::new(&Config::default(), "test") };
    let (dead, listener) = place::open(&environment, &hello).unwrap();
    drop(listener);
    assert!(dead.exists());
    assert!(matches!(Remote::open(&dead).await, Err(RemoteError::Gone(_))));
    assert!(!dead.exists(), "whoever tries it takes it away");
    let (dead, listener) = place::open(&environment, &hello).unwrap();
    drop(listener);
    let (alive, _listener) = place::open(&environment, &Hello::new(&Config::default(), "test")).unwrap();
    assert_eq!((dead.exists(), running_in(&environment, dir.path())), (false, vec![alive]), "so does the next engine");
}

#[tokio::test]
async fn what_is_dropped_is_gone() {
    let world = World::new();
    let mut remote = world.remote().await;
    let path = world.socket.path().to_owned();
    drop(world.socket);
    assert!(!path.exists());
    // The engine has ended as far as a face can tell.
    let ended = async { while remote.ask(Ask::Snapshot).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, ended).await.expect("the talk ends");
    assert!(!world.handle.snapshot().name.is_empty());
}

#[test]
fn questions_are_written_as_they_are_read() {
    let check = |text: Value, ask: Ask| {
        assert_eq!(serde_json::to_value(&ask).unwrap(), text);
        assert_eq!(serde_json::from_value::<Ask>(text).unwrap(), ask);
    };
    check(json!("snapshot"), Ask::Snapshot);
    check(json!({"flows": {"from": 7, "limit": 100}}), Ask::Flows { from: CallId(7), limit: 100 });
    check(json!({"command": {"restart": "github"}}), Ask::Command(Command::Restart("github".into())));
    check(json!({"plan": {"path": "/x.yaml"}}), Ask::Plan { path: Some("/x.yaml".into()) });
}

/// The body of a process of another user: see below.
const ANOTHER: &str = "MCP_PROXY_TEST_SOCKET";

#[test]
fn as_another_user() {
    use std::io::Read as _;

    let Some(path) = std::env::var_os(ANOTHER) else { return };
    let mut stream = std::os::unix::net::UnixStream::connect(path).expect("the folder was opened for it");
    let mut said = Vec::new();
    // Closed at once, perhaps with a word from the system.
    let _ = stream.read_to_end(&mut said);
    assert_eq!(String::from_utf8_lossy(&said), "");
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "a test, not the proxy")]
async fn another_user_hears_nothing() {
    use std::os::unix::process::CommandExt as _;

    if !rustix::process::geteuid().is_root() {
        // Only root can become somebody else.
        return;
    }
    let world = World::new();
    // As if somebody had opened the folder by mistake.
    for path in [world.dir.path(), &world.dir.path().join("run"), &world.folder(), world.socket.path()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["control::socket::tests::as_another_user", "--exact", "--nocapture"]);
    command.env(ANOTHER, world.socket.path()).uid(65534).gid(65534);
    let mut work = JoinSet::new();
    work.spawn_blocking(move || command.output());
    let Some(Ok(Ok(output))) = work.join_next().await else {
        // This machine keeps it from our own test program.
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    let mut remote = world.remote().await;
    assert!(matches!(remote.ask(Ask::Snapshot).await, Ok(Told::Snapshot(_))));
}
