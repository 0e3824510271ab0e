//! An answer that says no: a status, and a sentence in dockerd's words.

/// Why a request is not carried out. dockerd's texts are facts that clients match on, so they are carried over exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status: 304, 4xx or 5xx.
    pub status: u16,
    /// The `message`.
    pub message: String,
}

impl Refusal {
    /// With any status.
    #[must_use]
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 304: it is in that state already. Without a body.
    #[must_use]
    pub fn not_modified() -> Self {
        Self::new(304, "")
    }

    /// 400: the request is wrong.
    #[must_use]
    pub fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 403: it may never be.
    #[must_use]
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, message)
    }

    /// 404: there is no such thing.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 409: not in this state.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, message)
    }

    /// 500: it failed.
    #[must_use]
    pub fn server_error(message: impl Into<String>) -> Self {
        Self::new(500, message)
    }

    /// 501: no daemon of this kind does it.
    #[must_use]
    pub fn not_implemented(message: impl Into<String>) -> Self {
        Self::new(501, message)
    }

    /// 503: not now, as without a swarm.
    #[must_use]
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, message)
    }
}
