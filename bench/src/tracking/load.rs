//! A window of load: some clients, each one request after the other on a kept connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::processes::{Target, cpu_s};
use crate::http::Connection;
use crate::spread::Spread;

/// Before the clock starts.
const WARM_UP: Duration = Duration::from_millis(500);

/// Makes the next request of a client.
pub(crate) type Next = Box<dyn FnMut() -> Vec<u8> + Send>;

/// What a window showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// Requests answered well, a second.
    pub(crate) per_s: f64,
    /// Milliseconds of one request.
    pub(crate) latency: Spread,
    pub(crate) server_cpu_s: f64,
    pub(crate) client_cpu_s: f64,
}

pub(crate) fn run(
    target: &Target,
    clients: Vec<Next>,
    window: Duration,
    acknowledging_at_once: bool,
) -> Result<Window> {
    let (is_measured, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (is_measured, is_over) = (&is_measured, &is_over);
    std::thread::scope(|scope| {
        let threads: Vec<_> = clients
            .into_iter()
            .map(|mut next| {
                scope.spawn(move || -> Result<Vec<f64>> {
                    let mut connection = Connection::open(target.address)?
                        .acknowledging_at_once(acknowledging_at_once);
                    let mut times = Vec::new();
                    // Who is slower than the window is waited for once.
                    while !is_over.load(Ordering::Relaxed) || times.is_empty() {
                        let request = next();
                        let counts = is_measured.load(Ordering::Relaxed);
                        let begin = Instant::now();
                        let answer = connection.call(&request)?;
                        let time = begin.elapsed().as_secs_f64() * 1e3;
                        if answer.status != 200 {
                            bail!(
                                "status {}: {}",
                                answer.status,
                                String::from_utf8_lossy(&answer.body)
                            );
                        }
                        if counts {
                            times.push(time);
                        }
                    }
                    Ok(times)
                })
            })
            .collect();
        std::thread::sleep(WARM_UP);
        is_measured.store(true, Ordering::Relaxed);
        let (server, client, begin) = (target.cpu_s(), cpu_s("self"), Instant::now());
        std::thread::sleep(window);
        is_over.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for thread in threads {
            let Ok(outcome) = thread.join() else {
                bail!("a client ended by a panic");
            };
            times.extend(outcome?);
        }
        let seconds = begin.elapsed().as_secs_f64();
        let (server_cpu_s, client_cpu_s) = (target.cpu_s() - server, cpu_s("self") - client);
        Ok(Window {
            per_s: times.len() as f64 / seconds,
            latency: Spread::of(times).context("no request was answered inside the window")?,
            server_cpu_s,
            client_cpu_s,
        })
    })
}
