//! `gapless explore`: a design's states in Stateright's Explorer, on loopback.

use std::io::{Write as _, stdout};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use gapless_model::check::{Task, explore};

use super::find_design;
use crate::cli::ExploreArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Serves the Explorer until the process is ended.
pub fn run(args: &ExploreArgs) -> Result<Status, Failure> {
    let (name, design) = find_design(&args.design)?;
    let bounds = args.bounds.0;
    bounds.validate()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    // The Explorer panics where it cannot listen: try first, and report what is wrong.
    TcpListener::bind(address).map_err(|error| Failure::Usage {
        what: format!("cannot listen on port {}: {error}", args.port),
        help: "choose another port with --port".to_owned(),
    })?;
    let mut out = stdout();
    writeln!(out, "{name}: explore its states at http://{address}/ (Ctrl-C ends the command)")?;
    out.flush()?;
    explore(&Task::new(&name, design, bounds, args.clocks.into()), address);
    Ok(Status::Holds)
}
