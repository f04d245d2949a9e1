use mcp_proxy_core::config::*;
fn main() {
    let mut env = Environment::empty()
        .with_home(std::path::Path::new("/root"))
        .with_current_dir(&std::env::current_dir().unwrap());
    for a in std::env::args().skip(2) {
        let (k, v) = a.split_once('=').unwrap();
        env = env.with(k, v);
    }
    let f = std::env::args().nth(1).unwrap();
    let l = load(&locate(Some(std::path::Path::new(&f)), &env), &env);
    println!("{}", render::human(&l, render::Style { is_coloured: false, home: env.home() }));
    if std::env::var("DBG").is_ok() {
        println!("{:#?}", l.config);
    }
}
