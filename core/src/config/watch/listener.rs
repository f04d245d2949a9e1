//! What the system tells of files: the folders that are listened to, and when it has become quiet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::{LONGEST_WAIT, QUIET};
use crate::config::source::FileSeen;
use crate::config::spots::{Spots, spots_of, tells_changes};

/// Has the system tell what happens to some files, until it is dropped.
#[derive(Default)]
pub(super) struct Listener {
    spots: Spots,
    /// `None` where the system has no way to tell, or no more of it to give: looking goes on.
    inner: Option<RecommendedWatcher>,
    /// Every change of every file is told.
    pub(super) tells_all: bool,
    pub(super) heard: Arc<Heard>,
}

/// What the listener has heard.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) notify: Notify,
    /// A file was written to and is not closed yet, as far as the system tells.
    is_open: AtomicBool,
}

impl Listener {
    /// Listens to the folders of `files` from now on, and of every link on the way to them.
    pub(super) fn follow(&mut self, files: &[FileSeen]) {
        let spots = spots_of(files.iter().map(|f| f.path.as_path()));
        if spots != self.spots {
            self.inner = None;
            self.inner = self.listen(&spots);
            self.spots = spots;
        }
    }

    fn listen(&mut self, spots: &Spots) -> Option<RecommendedWatcher> {
        self.tells_all = false;
        let (heard, concerned) = (self.heard.clone(), spots.clone());
        let mut inner = notify::recommended_watcher(move |event: notify::Result<notify::Event>| match event {
            Ok(event) if !event.need_rescan() && !event.paths.iter().any(|p| concerned.concerns(p)) => {}
            Ok(event) => heard.hears(event.kind),
            Err(_) => heard.notify.notify_one(),
        })
        .ok()?;
        let mut tells_all = true;
        for folder in spots.folders() {
            if let Err(error) = inner.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!(folder = %folder.display(), %error, "changes are not told, looking instead");
                tells_all = false;
            }
        }
        self.tells_all = tells_all && tells_changes(spots);
        Some(inner)
    }
}

impl Heard {
    pub(super) fn hears(&self, kind: EventKind) {
        match kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => self.is_open.store(false, Ordering::Relaxed),
            // Our own reading of the file is an event, too.
            EventKind::Access(_) => return,
            // Only there is a file's being closed told as well.
            EventKind::Modify(ModifyKind::Data(_)) if cfg!(target_os = "linux") => {
                self.is_open.store(true, Ordering::Relaxed);
            }
            _ => {}
        }
        // Several words before anybody listens are one.
        self.notify.notify_one();
    }

    /// Waits until nothing was told for [`QUIET`] and no file is being written, at most [`LONGEST_WAIT`].
    pub(super) async fn settle(&self) {
        let latest = Instant::now() + LONGEST_WAIT;
        loop {
            let is_open = self.is_open.load(Ordering::Relaxed);
            let until = if is_open { latest } else { latest.min(Instant::now() + QUIET) };
            if timeout_at(until, self.notify.notified()).await.is_err() || Instant::now() >= latest {
                // Whoever keeps it open for longer is not waited for again with each word.
                self.is_open.store(false, Ordering::Relaxed);
                return;
            }
        }
    }
}
