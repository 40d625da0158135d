//! To find an RSA key takes longer than most flows do. One is found in a run, as a first start finds it, and each issuer that a test starts
//! on a database of its own has it as the first of its keys. `App::on` and the program itself find their own.

use std::sync::{Arc, OnceLock};

use gatekey::domain::clock::Timestamp;
use gatekey::domain::entropy::Entropy;
use gatekey::domain::event::Occasion;
use gatekey::domain::signing_key::{SigningAlg, SigningKey};
use gatekey::jose::derive::MasterKey;
use gatekey::jose::key_ring;
use gatekey::jose::sealed::Sealer;
use gatekey::service::key_schedule::key_created;
use gatekey::store::{Store, events, signing_keys};

use super::app::MASTER_KEY;
use super::entropy::SeededEntropy;

/// Made at `now`, when all first starts of the tests are.
pub async fn give(store: &Store, now: Timestamp) {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new("RSA key"));
    let key = KEY.get_or_init(|| {
        let sealer = Sealer::new(MasterKey::parse(MASTER_KEY).unwrap().subkey("signing keys"));
        key_ring::generate(SigningAlg::Rs256, now, now, &sealer, entropy.as_ref()).unwrap()
    });
    assert_eq!(key.announced_at, now);
    let event = key_created(&Occasion::of_server(now, &entropy), key);
    store
        .write(move |db| {
            signing_keys::insert(db, key)?;
            events::record(db, &event)
        })
        .await
        .unwrap();
}
