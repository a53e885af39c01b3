//! `gapless explore`: Stateright's Explorer on loopback.

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
    // The Explorer panics where it cannot listen; ask first, and say what is wrong.
    TcpListener::bind(address).map_err(|error| {
        Failure::Option(
            format!("cannot listen on port {}: {error}", args.port),
            "choose another one with --port".to_owned(),
        )
    })?;
    println!("{name}: explore its states at http://{address}/ (Ctrl-C ends it)");
    explore(&Task::new(&name, design, bounds, args.clocks.into()), address);
    Ok(Status::Holds)
}
