//! The one way tests of this crate keep a picture of text: all of them lie in `snapshots/core`.

/// `snapshot!("name", text)`: compares `text` with `snapshots/core/<module>__name.snap`.
macro_rules! snapshot {
    ($name:expr, $text:expr) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../snapshots/core"));
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($name, $text));
    }};
}
