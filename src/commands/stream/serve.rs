//! `gapless serve`: the embedded engine as a DynamoDB endpoint on loopback.

use std::io::{Write as _, stdout};
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::block_on;
use super::ending::interrupted;
use super::store::start_engine;
use crate::cli::stream::ServeArgs;
use crate::failure::{Cause, Failure};
use crate::status::Status;

/// Serves until interrupted.
pub fn run(args: &ServeArgs) -> Result<Status, Failure> {
    block_on(async {
        let engine = start_engine(args.file.as_deref())?;
        let failed = |source: std::io::Error| Failure::Stream {
            what: "the endpoint cannot be served",
            help: format!("port {} may be in use: `--port 0` takes a free one", args.port),
            source: Cause::of(&source),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        writeln!(stdout(), "listening on http://{address}")?;
        stdout().flush()?;
        let database = engine.database().clone();
        let served = dynoxide::server::serve_with_shutdown(listener, database, interrupted()).await;
        served.map_err(|why| failed(std::io::Error::other(why)))?;
        Ok(Status::Holds)
    })
}
