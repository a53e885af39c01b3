//! A search as bytes: every component and every part in the order of their numbers, the states that
//! were visited, and those that are still to be expanded.
//!
//! Numbers come back as they were. Which of several equal states is kept depends on them.

use std::hash::Hash;
use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::bytes::{invalid, read_number, write_number};
use super::explore::Explored;
use super::intern::Interner;
use super::space::Space;
use super::visited::{Key, Visited};

/// Writes a search.
pub(in crate::check) fn write(
    space: &Space<'_>,
    explored: &Explored,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_values(&space.logs, out)?;
    write_values(&space.writers, out)?;
    write_values(&space.places, out)?;
    write_values(&space.readers, out)?;
    write_values(&space.operators, out)?;
    write_values(&space.triggers, out)?;
    write_values(&space.networks, out)?;
    write_values(&space.faults, out)?;
    for part in &space.parts {
        write_values(part, out)?;
    }
    explored.visited.write(out)?;
    write_keys(&explored.level, out)?;
    write_keys(&explored.next, out)
}

/// Reads a search into a space in which nothing was reached yet. `read` hears of each state.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if this is not what was written, and the reader's errors.
pub(in crate::check) fn read(
    space: &Space<'_>,
    from: &mut dyn Read,
    read: &mut dyn FnMut(),
) -> io::Result<Explored> {
    read_values(&space.logs, from)?;
    read_values(&space.writers, from)?;
    read_values(&space.places, from)?;
    read_values(&space.readers, from)?;
    read_values(&space.operators, from)?;
    read_values(&space.triggers, from)?;
    read_values(&space.networks, from)?;
    read_values(&space.faults, from)?;
    for part in &space.parts {
        read_values(part, from)?;
    }
    if !space.is_whole() {
        return Err(invalid("a part has a component that is none"));
    }
    let is_known = |key: Key| space.has(key);
    let visited = Visited::read(from, &is_known, read)?;
    let level = read_keys(from, &is_known)?;
    let next = read_keys(from, &is_known)?;
    Ok(Explored::of(visited, level, next))
}

fn write_values<T: Serialize + Clone + Eq + Hash>(
    values: &Interner<T>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let count = values.len();
    write_number(count as u64, out)?;
    let mut bytes = Vec::new();
    for number in 0..count {
        bytes.clear();
        bytes =
            postcard::to_extend(values.value(number as u32), bytes).map_err(io::Error::other)?;
        write_number(bytes.len() as u64, out)?;
        out.write_all(&bytes)?;
    }
    Ok(())
}

fn read_values<T: DeserializeOwned + Clone + Eq + Hash>(
    values: &Interner<T>,
    from: &mut dyn Read,
) -> io::Result<()> {
    let count = read_number(from)?;
    let mut bytes = Vec::new();
    for number in 0..count {
        let length = read_number(from)?;
        bytes.clear();
        from.take(length).read_to_end(&mut bytes)?;
        let (value, rest): (T, _) =
            postcard::take_from_bytes(&bytes).map_err(|_| invalid("a component is none"))?;
        if !rest.is_empty() {
            return Err(invalid("a component is too long"));
        }
        if u64::from(values.number(&value)) != number {
            return Err(invalid("a component is there twice"));
        }
    }
    Ok(())
}

fn write_keys(keys: &[Key], out: &mut dyn Write) -> io::Result<()> {
    write_number(keys.len() as u64, out)?;
    keys.iter().flat_map(|key| key.parts()).try_for_each(|part| write_number(part.into(), out))
}

fn read_keys(from: &mut dyn Read, is_known: &dyn Fn(Key) -> bool) -> io::Result<Vec<Key>> {
    let count = read_number(from)?;
    let mut keys = Vec::new();
    for _ in 0..count {
        let parts = [read_number(from)?, read_number(from)?, read_number(from)?];
        let key = key_of(parts).filter(|&key| is_known(key));
        keys.push(key.ok_or_else(|| invalid("a state is none"))?);
    }
    Ok(keys)
}

fn key_of(parts: [u64; 3]) -> Option<Key> {
    let [first, second, third] = parts.map(|part| u32::try_from(part).ok());
    Key::of([first?, second?, third?])
}
