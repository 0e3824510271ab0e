//! The reference backend: a daemon in memory, to develop clients against and to put behind the proxy.
//!
//! It keeps state as dockerd does and answers in the shape of the version that was asked. Processes are simulated over file systems in memory:
//! nothing is run on the host, no file of the host is read or written, no connection is opened. It shares no code with the judge.

pub mod clock;
