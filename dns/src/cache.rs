//! Answers of others, told again for as long as they say. Pure: the time is given.
//!
//! Bounded in number and in the length of each, so that its size has a bound whatever is asked.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use warren_lib_dns::{Query, Response};

/// How many answers are kept; as many as bosh-dns keeps.
const MOST: usize = 1000;
/// Longer answers are asked for each time.
const LONGEST: usize = 4096;
/// However long an answer says that it lasts.
const LASTS: u32 = 3600;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    kind: u16,
    class: u16,
    manner: u16,
}

impl Key {
    fn of(query: &Query<'_>) -> Self {
        Self {
            name: query.name.clone(),
            kind: query.kind,
            class: query.class,
            manner: query.manner(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    bytes: Vec<u8>,
    response: Response,
    since: Instant,
    until: Instant,
}

/// Answers by what was asked.
#[derive(Debug, Default)]
pub struct Cache {
    entries: HashMap<Key, Entry>,
    generation: u64,
}

impl Cache {
    /// Forgets everything if those who are asked are not the same as when it was told.
    pub fn of_generation(&mut self, generation: u64) -> &mut Self {
        if self.generation != generation {
            self.generation = generation;
            self.entries.clear();
        }
        self
    }

    /// The answer to a query, if there is one that still holds and is not longer than `limit`.
    #[must_use]
    pub fn get(&self, query: &Query<'_>, now: Instant, limit: usize) -> Option<Vec<u8>> {
        let entry = self.entries.get(&Key::of(query))?;
        if now >= entry.until || entry.bytes.len() > limit {
            return None;
        }
        let mut bytes = entry.bytes.clone();
        let seconds = now.saturating_duration_since(entry.since).as_secs();
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        entry.response.adapt(&mut bytes, query, seconds);
        Some(bytes)
    }

    /// Keeps an answer, if it may be kept.
    pub fn put(&mut self, query: &Query<'_>, bytes: &[u8], response: Response, now: Instant) {
        let Some(lasts) = response.lasts.map(|lasts| lasts.min(LASTS)) else {
            return;
        };
        if bytes.len() > LONGEST {
            return;
        }
        let key = Key::of(query);
        if self.entries.len() >= MOST && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        let until = now + Duration::from_secs(lasts.into());
        let entry = Entry {
            bytes: bytes.to_vec(),
            response,
            since: now,
            until,
        };
        self.entries.insert(key, entry);
    }

    /// Those that are over go, or else the one that is over first.
    fn make_room(&mut self, now: Instant) {
        self.entries.retain(|_, entry| now < entry.until);
        if self.entries.len() < MOST {
            return;
        }
        let first = self.entries.iter().min_by_key(|(_, entry)| entry.until);
        if let Some(key) = first.map(|(key, _)| key.clone()) {
            self.entries.remove(&key);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use warren_lib_dns::{encode_name, kind};

    fn query(name: &str) -> Vec<u8> {
        let mut bytes = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(&encode_name(name).unwrap());
        bytes.extend_from_slice(&[0, 1, 0, 1]);
        bytes
    }

    fn answer(asked: &[u8], ttl: u32, data: usize) -> Vec<u8> {
        let mut bytes = asked.to_vec();
        bytes[2] |= 0x80;
        bytes[7] = 1;
        bytes.extend_from_slice(&[0xc0, 12]);
        bytes.extend_from_slice(&kind::A.to_be_bytes());
        bytes.extend_from_slice(&[0, 1]);
        bytes.extend_from_slice(&ttl.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(data).unwrap().to_be_bytes());
        bytes.resize(bytes.len() + data, 1);
        bytes
    }

    fn keep(cache: &mut Cache, name: &str, ttl: u32, data: usize, now: Instant) {
        let asked = query(name);
        let bytes = answer(&asked, ttl, data);
        let response = Response::parse(&bytes).unwrap();
        cache.put(&Query::parse(&asked).unwrap(), &bytes, response, now);
    }

    fn has(cache: &Cache, name: &str, now: Instant) -> Option<u32> {
        let asked = query(name);
        let bytes = cache.get(&Query::parse(&asked).unwrap(), now, 512)?;
        Response::parse(&bytes).unwrap().lasts
    }

    #[test]
    fn answers_last_as_long_as_they_say() {
        let (mut cache, begin) = (Cache::default(), Instant::now());
        keep(&mut cache, "a.example", 60, 4, begin);
        keep(&mut cache, "never.example", 0, 4, begin);
        keep(&mut cache, "long.example", 1_000_000, 4, begin);
        keep(&mut cache, "big.example", 60, 4096, begin);
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(has(&cache, "A.example", at(0)), Some(60));
        assert_eq!(has(&cache, "a.example", at(45)), Some(15));
        assert_eq!(has(&cache, "a.example", at(60)), None);
        assert_eq!(has(&cache, "never.example", at(0)), None);
        assert_eq!(has(&cache, "big.example", at(0)), None);
        assert!(has(&cache, "long.example", at(3599)).is_some());
        assert_eq!(has(&cache, "long.example", at(3600)), None);
        let asked = query("a.example");
        let asked = Query::parse(&asked).unwrap();
        assert_eq!(cache.get(&asked, begin, 20), None);
        assert!(!cache.of_generation(0).is_empty());
        assert!(cache.of_generation(1).is_empty());
    }

    #[test]
    fn it_is_bounded() {
        let (mut cache, begin) = (Cache::default(), Instant::now());
        for number in 0..3000_u32 {
            keep(
                &mut cache,
                &format!("n{number}.example"),
                60 + number,
                4,
                begin,
            );
        }
        assert_eq!(cache.len(), MOST);
        assert!(has(&cache, "n2999.example", begin).is_some());
        assert!(has(&cache, "n5.example", begin).is_none());
        keep(
            &mut cache,
            "later.example",
            60,
            4,
            begin + Duration::from_secs(4000),
        );
        assert_eq!(cache.len(), 1);
    }
}
