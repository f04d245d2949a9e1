//! upcalls
