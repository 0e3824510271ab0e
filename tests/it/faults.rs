//! When things break: peers that die, stall, reset or never end, files and descriptors that run out, and bytes made to hurt. In each case what was
//! sent arrives as far as the peers let it, plimsoll stays up in bounded memory, and the report says what was not judged.

mod bombs;
mod limits;
mod peers;
mod rig;
mod smuggling;
