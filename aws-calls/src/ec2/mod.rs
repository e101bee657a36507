//! EC2: machine types, images, instances and what a launch needs.

mod act;
mod console;
mod health;
mod images;
mod instances;
mod machine_types;
mod networks;
mod query;
mod spot;
mod tagged;
mod trials;

pub use health::{Check, Event, Health};
pub use images::Image;
pub use instances::{Instance, Reason};
pub use machine_types::{Gpu, MachineType};
pub use networks::{SecurityGroup, Subnet};
pub use spot::SpotRequest;
pub use tagged::{Address, Tagged};
pub use trials::{RootDisk, Trial};
