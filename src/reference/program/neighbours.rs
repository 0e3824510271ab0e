//! Whom a container can reach: the programs ask by name or address, and the network part knows. No connection is ever opened.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

type Ask = dyn Fn(&str) -> Option<IpAddr> + Send + Sync;

/// The names and addresses that answer a container.
#[derive(Clone, Default)]
pub struct Neighbours(Option<Arc<Ask>>);

impl Neighbours {
    /// Those that a question is answered with: a name or an address, and the address where somebody is.
    pub fn new(ask: impl Fn(&str) -> Option<IpAddr> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(ask)))
    }

    /// Where the one is that has this name or address.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<IpAddr> {
        self.0.as_ref().and_then(|ask| ask(name))
    }
}

impl fmt::Debug for Neighbours {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Neighbours(some)" } else { "Neighbours(none)" })
    }
}
