//! `gapless serve`: the embedded engine as a DynamoDB endpoint on loopback.

use std::io::{Write as _, stdout};
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

use super::{block_on, engine, interrupted};
use crate::cli::stream::ServeArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Serves until interrupted.
pub fn run(args: &ServeArgs) -> Result<Status, Failure> {
    block_on(async {
        let engine = engine(args.file.as_ref())?;
        let failed = |source: std::io::Error| Failure::Stream {
            doing: "the endpoint cannot be served",
            help: format!("port {} may be taken: `--port 0` takes any that is free", args.port),
            source: source.into(),
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
