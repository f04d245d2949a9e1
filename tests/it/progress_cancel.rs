//! progress_cancel
