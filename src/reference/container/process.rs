//! A container's process: PID 1 of the simulated container, with everything that runs beside it.

use crate::reference::program::{Handle, Processes};

/// The process of a container that runs.
#[derive(Debug)]
pub(in crate::reference) struct Process {
    /// The pid as the host would see it.
    pid: u32,
    handle: Handle,
    processes: Processes,
}

impl Process {
    pub(super) fn new(pid: u32, handle: Handle, processes: Processes) -> Self {
        Self { pid, handle, processes }
    }

    /// The pid as the host would see it.
    pub(in crate::reference) fn pid(&self) -> u32 {
        self.pid
    }

    /// All processes of the container.
    pub(in crate::reference) fn processes(&self) -> &Processes {
        &self.processes
    }

    /// Sends a signal. It may have ended already: then the watcher of its end says so soon.
    pub(super) fn signal(&self, number: u8) {
        let _ = self.handle.send(number);
    }
}
