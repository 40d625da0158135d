//! The tables, as diesel sees them. `migrations/` makes them; the parity test holds the three descriptions together.

diesel::table! {
    use diesel::sql_types::Binary;
    use crate::store::sql_types::DbInstant;

    idempotent_answers (name) {
        name -> Binary,
        sealed -> Binary,
        answered_at -> DbInstant,
    }
}

diesel::table! {
    meta (key) {
        key -> Text,
        value -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Nullable, Text};
    use crate::store::sql_types::{DbId, DbInstant};

    users (id) {
        id -> DbId,
        username -> Text,
        name -> Nullable<Text>,
        given_name -> Nullable<Text>,
        family_name -> Nullable<Text>,
        email -> Nullable<Text>,
        email_verified -> Bool,
        password_hash -> Nullable<Text>,
        password_changed_at -> DbInstant,
        admin -> Bool,
        disabled_at -> Nullable<DbInstant>,
        managed_by_file -> Bool,
        created_at -> DbInstant,
        updated_at -> DbInstant,
        details -> Nullable<Text>,
        group_names -> Nullable<Text>,
        admin_role -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use crate::store::sql_types::DbInstant;

    clients (id) {
        id -> Text,
        metadata -> Text,
        secret_digest -> Nullable<Binary>,
        disabled_at -> Nullable<DbInstant>,
        managed_by_file -> Bool,
        created_at -> DbInstant,
        updated_at -> DbInstant,
        previous_secret_digest -> Nullable<Binary>,
        previous_secret_expires_at -> Nullable<DbInstant>,
        tokens_valid_from -> Nullable<DbInstant>,
        grants_valid_from -> Nullable<DbInstant>,
        secret_by_operator -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Bool, Nullable, Text};
    use crate::store::sql_types::{DbId, DbInstant};

    sessions (id) {
        id -> DbId,
        cookie_digest -> Binary,
        user_id -> DbId,
        created_at -> DbInstant,
        auth_time -> DbInstant,
        last_used_at -> DbInstant,
        acr -> Text,
        user_agent -> Nullable<Text>,
        network -> Nullable<Text>,
        ended_at -> Nullable<DbInstant>,
        end_reason -> Nullable<Text>,
        remembered -> Bool,
        device_key -> Nullable<Binary>,
        device_bound_at -> Nullable<DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::sql_types::{DbId, DbInstant};

    client_sessions (session_id, client_id) {
        session_id -> DbId,
        client_id -> Text,
        created_at -> DbInstant,
        last_used_at -> DbInstant,
        ended_at -> Nullable<DbInstant>,
        end_reason -> Nullable<Text>,
        grants_valid_from -> Nullable<DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::sql_types::{DbId, DbInstant};

    consents (user_id, client_id) {
        user_id -> DbId,
        client_id -> Text,
        scope -> Text,
        granted_at -> DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::sql_types::{DbId, DbInstant};

    redeemed_codes (id) {
        id -> DbId,
        client_id -> Text,
        user_id -> DbId,
        session_id -> DbId,
        redeemed_at -> DbInstant,
        keep_until -> DbInstant,
        ended_at -> Nullable<DbInstant>,
        end_reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
    use crate::store::sql_types::{DbId, DbInstant};

    refresh_families (id) {
        id -> DbId,
        client_id -> Text,
        user_id -> DbId,
        session_id -> DbId,
        grant_facts -> Text,
        offline -> Bool,
        secret -> Binary,
        generation -> BigInt,
        rotated_at -> DbInstant,
        created_at -> DbInstant,
        last_used_at -> DbInstant,
        ended_at -> Nullable<DbInstant>,
        end_reason -> Nullable<Text>,
        jkt -> Nullable<Text>,
        bound_generation -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::sql_types::DbInstant;

    signing_keys (kid) {
        kid -> Text,
        alg -> Text,
        public_jwk -> Text,
        sealed_private -> Binary,
        announced_at -> DbInstant,
        active_from -> DbInstant,
        retired_at -> Nullable<DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable, Text};
    use crate::store::sql_types::{DbId, DbInstant};

    one_time_links (id) {
        id -> DbId,
        purpose -> Text,
        digest -> Binary,
        expires_at -> DbInstant,
        created_at -> DbInstant,
        used_at -> Nullable<DbInstant>,
        user_id -> Nullable<DbId>,
    }
}

diesel::table! {
    use diesel::sql_types::Binary;
    use crate::store::sql_types::DbInstant;

    throttle_buckets (key) {
        key -> Binary,
        free_at -> DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::{Nullable, Text};
    use crate::store::sql_types::{DbId, DbInstant};

    events (id) {
        id -> DbId,
        at -> DbInstant,
        kind -> Text,
        actor_kind -> Text,
        actor_id -> Nullable<Text>,
        network -> Nullable<Text>,
        request_id -> Nullable<Text>,
        object_kind -> Text,
        object_id -> Nullable<Text>,
        user_id -> Nullable<DbId>,
        detail -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::{Bool, Text};
    use crate::store::sql_types::DbInstant;

    lifetime_rules (client_id, group_name, acr) {
        client_id -> Text,
        group_name -> Text,
        acr -> Text,
        limits -> Text,
        managed_by_file -> Bool,
        updated_at -> DbInstant,
    }
}

diesel::table! {
    use diesel::sql_types::Text;
    use crate::store::sql_types::DbId;

    group_members (group_name, user_id) {
        group_name -> Text,
        user_id -> DbId,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};

    group_sizes (name) {
        name -> Text,
        members -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Nullable, Text};
    use crate::store::sql_types::{DbId, DbInstant};

    logout_notices (session_id, client_id) {
        session_id -> DbId,
        client_id -> Text,
        user_id -> DbId,
        ended_at -> DbInstant,
        attempts -> BigInt,
        next_try_at -> Nullable<DbInstant>,
        last_tried_at -> Nullable<DbInstant>,
        last_error -> Nullable<Text>,
        gave_up_at -> Nullable<DbInstant>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Text};
    use crate::store::sql_types::DbInstant;

    statistics (hour, what) {
        hour -> DbInstant,
        what -> Text,
        amount -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{Binary, Nullable};
    use crate::store::sql_types::DbInstant;

    used_proofs (name) {
        name -> Binary,
        used_for -> Nullable<Binary>,
        keep_until -> DbInstant,
    }
}

diesel::allow_tables_to_appear_in_same_query!(meta, users, clients, sessions, client_sessions, consents, redeemed_codes, refresh_families);

/// Every table, in order: a database that has others is somebody else's.
pub(super) const TABLES: &[&str] = &[
    "client_sessions",
    "clients",
    "consents",
    "events",
    "group_members",
    "group_sizes",
    "idempotent_answers",
    "lifetime_rules",
    "logout_notices",
    "meta",
    "one_time_links",
    "redeemed_codes",
    "refresh_families",
    "sessions",
    "signing_keys",
    "statistics",
    "throttle_buckets",
    "used_proofs",
    "users",
];
