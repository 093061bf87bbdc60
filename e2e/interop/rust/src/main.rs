use std::io::{BufRead, Write};

// docs/interop.md shows from here
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use std::error::Error;
use std::time::{Duration, Instant};

struct Verifier {
    jwks_url: String,
    issuer: String,
    audience: String,
    cache_time: Duration,
    kept: Option<(JwkSet, Instant)>,
}

#[derive(serde::Deserialize)]
struct Claims {
    sub: String,
}

impl Verifier {
    /// The JWKS, fetched again once it is older than the cache time.
    fn key_set(&mut self) -> Result<&JwkSet, Box<dyn Error>> {
        let asked = Instant::now();
        if !matches!(&self.kept, Some((_, until)) if asked < *until) {
            let body = ureq::get(&self.jwks_url)
                .config()
                .timeout_global(Some(Duration::from_secs(5)))
                .build()
                .call()?
                .body_mut()
                .read_to_string()?;
            self.kept = Some((serde_json::from_str(&body)?, asked + self.cache_time));
        }
        Ok(&self.kept.as_ref().expect("was just set").0)
    }

    fn verify(&mut self, token: &str) -> Result<Claims, Box<dyn Error>> {
        let kid = decode_header(token)?.kid.ok_or("no kid")?;
        let key = self.key_set()?.find(&kid).ok_or("no such key")?.clone();
        // The algorithm is the key's, never the token's.
        let alg: Algorithm = key.common.key_algorithm.ok_or("no alg")?.try_into()?;
        let mut validation = Validation::new(alg);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_nbf = true;
        Ok(decode(token, &DecodingKey::from_jwk(&key)?, &validation)?.claims)
    }
}
// to here

/// One token a line in, one JSON answer a line out.
fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let mut verifier = Verifier {
        jwks_url: args[1].clone(),
        issuer: args[2].clone(),
        audience: args[3].clone(),
        cache_time: Duration::from_secs(args[4].parse()?),
        kept: None,
    };
    for token in std::io::stdin().lock().lines() {
        let answer = match verifier.verify(&token?) {
            Ok(claims) => serde_json::json!({ "accepted": true, "sub": claims.sub }),
            Err(error) => serde_json::json!({ "accepted": false, "reason": error.to_string() }),
        };
        writeln!(std::io::stdout(), "{answer}")?;
    }
    Ok(())
}
