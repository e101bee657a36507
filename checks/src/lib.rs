//! Says whether a deployment is well, and if not, which layer is the first that is broken.
//!
//! ```text
//! Checkup (checks, in the order of their codes) ─ run ─▶ Report (a finding for each) ─▶ first_broken
//! ```
//!
//! A check that rests on a broken one is not made: a name that can't be looked up is told once, and
//! not as five faults. The allocator, the agent and `lablink` each put together the checks that they
//! can make; what only one of them can see stands there. Those that all can make are here.

mod allocator;
mod checkup;
mod clock;
mod code;
mod disk;
mod finding;
mod reach;
mod report;
mod tls;
mod way;

pub use allocator::ready;
pub use checkup::Checkup;
pub use clock::{clock, told_time};
pub use code::Code;
pub use disk::{Floor, disk};
pub use finding::Finding;
pub use reach::{name, port};
pub use report::{Checked, Report};
pub use tls::{Roots, certificate};
pub use way::Way;
