//! Snapshots of what a daemon answers: recorded, normalised by what the schemas know, played again, compared.
//!
//! ```text
//! recording ─ exchange.rs ─> exchanges ─ scene.rs ─> scenes ─ normal.rs ─> normal scenes ─ text.rs, file.rs ─> NAME.snap
//!          └─ script.rs ──> NAME.wire ─ player.rs ─> exchanges …                          └─ compare.rs ─> differences
//! ```
//!
//! What is compared is what the API says: the order of lists that have none, ids, times and the like are not. Nothing is judged here.

mod alias;
mod capture;
pub mod compare;
mod exchange;
pub mod file;
mod kind;
mod normal;
pub mod player;
mod scene;
pub mod script;
pub mod text;

pub use alias::Aliases;
pub use capture::{CAPTURE_LIMIT, Capture};
pub use exchange::{BEHIND_LIMIT, Exchange, Happening, Reader};
pub use file::{Folder, Snapshot};
pub use kind::Kind;
pub use normal::Normaliser;
pub use scene::{Answer, Content, Label, Message, Scene};
pub use script::Script;
