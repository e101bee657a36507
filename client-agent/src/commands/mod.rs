//! What a person at the machine, or its start script, asks of the agent's program.

pub mod check_gpu;
pub mod doctor;
pub mod enrol;
pub mod report;
pub mod status;
