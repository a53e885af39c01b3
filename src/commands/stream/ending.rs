//! What ends a command from outside: a signal, or a closed output.

/// Completes when the process is asked to end: by Ctrl-C or SIGTERM.
pub async fn interrupted() {
    let ended = async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => drop(terminate.recv().await),
                Err(_) => std::future::pending().await,
            }
        }
        #[cfg(not(unix))]
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = ended => {}
    }
}

/// Completes when the reader of standard output closes it, as `head` does when it has read
/// enough. It never completes where the output is no pipe, nor where the system does not
/// tell: there the next write fails.
pub async fn output_closed() {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd as _;
        use tokio::io::Interest;
        use tokio::net::unix::pipe::Sender;
        // Unchecked, because checked it would be set not to block, and standard output with it.
        let output = std::io::stdout().as_fd().try_clone_to_owned();
        if let Ok(output) = output.and_then(Sender::from_owned_fd_unchecked)
            && output.ready(Interest::ERROR).await.is_ok()
        {
            return;
        }
    }
    std::future::pending().await
}
