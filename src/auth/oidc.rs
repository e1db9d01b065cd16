//! Sign-ins by a provider, as OpenID Connect has them: the authorisation code flow with PKCE (RFC 7636).
//!
//! [`Attempt`] is what a browser keeps while it is at the provider, and what ties the answer to that browser. [`Provider`] is
//! what is known of the provider, and asks it. All that it says is looked at as if a stranger had said it: an answer is read to
//! a size, and within a time; an ID token counts when it is signed by a key of the provider's, for this server, in this
//! attempt, and not long ago. Then it makes a [`Person`].

use std::time::Duration;

use openidconnect::{
    AuthType, AuthenticationFlow, AuthorizationCode, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointNotSet, IdTokenFields, IdTokenVerifier, IssuerUrl, Nonce,
    OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    StandardErrorResponse, StandardTokenResponse, TokenResponse, TokenUrl,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType,
        CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm as Algorithm, CoreResponseType, CoreRevocableToken,
        CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};

use super::Auth;
use crate::{config::Oidc as Settings, operator_error::OperatorError};

mod attempt;
mod claims;
mod failure;
mod known;
mod transport;

pub use attempt::Attempt;
use claims::{Claims, Others};
pub use claims::{Person, SUBJECT_BYTES, is_subject};
pub use failure::{Failure, Reason};
use known::{Known, Metadata};
use transport::Transport;

/// Where the provider sends a browser back to.
pub const CALLBACK: &str = "/auth/oidc/callback";

/// What may sign an ID token. None of these takes a secret that both sides have: a public key could pass for one.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    Algorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type Client = openidconnect::Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
>;

/// The provider of the configuration.
#[derive(Debug)]
pub struct Provider {
    issuer: IssuerUrl,
    transport: Transport,
    known: Known,
}

impl Provider {
    /// The one that `settings` name, if they do. It is asked nothing yet.
    pub fn new(settings: &Settings) -> Result<Option<Self>, OperatorError> {
        if settings.oidc_issuer.is_empty() {
            return Ok(None);
        }
        let issuer = IssuerUrl::new(settings.oidc_issuer.clone())
            .map_err(|error| OperatorError::new(format!("CLOAKROOM_OIDC_ISSUER: {error}")))?;
        Ok(Some(Self {
            transport: Transport::new(settings, &issuer)?,
            known: Known::default(),
            issuer,
        }))
    }

    /// Where a browser goes to sign in, for this `attempt`.
    pub async fn address(&self, auth: &Auth, attempt: &Attempt) -> Result<String, Failure> {
        let metadata = self.known.now(auth, &self.issuer, &self.transport).await?;
        let endpoint = metadata.authorization_endpoint().clone();
        self.transport.check_address(endpoint.url())?;
        let verifier = PkceCodeVerifier::new(attempt.verifier());
        let state = CsrfToken::new(attempt.state(&auth.keyring));
        let nonce = Nonce::new(attempt.nonce());
        let client = self
            .client(auth)
            .set_auth_uri(endpoint)
            .set_redirect_uri(redirect(auth)?);
        let mut request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                move || state,
                move || nonce,
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        let scopes = auth.config.oidc.oidc_scopes.split(' ');
        // The library adds that one.
        for scope in scopes.filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        if attempt.is_anew() {
            // `max_age` obliges the provider to send `auth_time`; some providers know only `prompt`.
            request = request
                .add_prompt(CoreAuthPrompt::Login)
                .set_max_age(Duration::ZERO);
        }
        let (url, _, _) = request.url();
        Ok(url.into())
    }

    /// Who signed in at the provider, as the `code` tells that it sent with a browser. The caller has looked at the state, and
    /// asks this once for each.
    pub async fn person(
        &self,
        auth: &Auth,
        attempt: &Attempt,
        code: String,
    ) -> Result<Person, Failure> {
        let metadata = self.known.now(auth, &self.issuer, &self.transport).await?;
        let tokens = self.tokens(auth, &metadata, attempt, code).await?;
        let token = tokens
            .id_token()
            .ok_or_else(|| Failure::token(Reason::NoIdToken, "the answer has none"))?;
        let nonce = Nonce::new(attempt.nonce());
        let verified = token.claims(&self.verifier(auth, &metadata, attempt), &nonce);
        let claims = match verified {
            // The provider may have taken new keys since it was asked for them.
            Err(error) if failure::is_of_unknown_key(&error) => {
                let newer = self
                    .known
                    .newer(auth, &self.issuer, &self.transport, &metadata);
                match newer.await {
                    Some(metadata) => {
                        token.claims(&self.verifier(auth, &metadata, attempt), &nonce)
                    }
                    None => Err(error),
                }
            }
            verified => verified,
        };
        let claims = Claims::of_token(claims.map_err(|error| Failure::of_claims(&error))?)?;
        let settings = &auth.config.oidc;
        if claims.tells(settings) {
            return claims.person(auth, &self.issuer);
        }
        // Many providers keep an ID token small.
        let Some(endpoint) = metadata.userinfo_endpoint() else {
            return claims.person(auth, &self.issuer);
        };
        let access_token = tokens.access_token().secret();
        let more = self
            .transport
            .userinfo(endpoint.url(), access_token)
            .await?;
        claims.with(more)?.person(auth, &self.issuer)
    }

    async fn tokens(
        &self,
        auth: &Auth,
        metadata: &Metadata,
        attempt: &Attempt,
        code: String,
    ) -> Result<Tokens, Failure> {
        let endpoint = metadata
            .token_endpoint()
            .ok_or_else(|| Failure::provider("it names no token endpoint"))?;
        let methods = metadata.token_endpoint_auth_methods_supported();
        let basic = CoreClientAuthMethod::ClientSecretBasic;
        let auth_type = match methods {
            Some(methods) if !methods.contains(&basic) => AuthType::RequestBody,
            _ => AuthType::BasicAuth,
        };
        let client = self
            .client(auth)
            .set_auth_type(auth_type)
            .set_token_uri(TokenUrl::from_url(endpoint.url().clone()))
            .set_redirect_uri(redirect(auth)?);
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(attempt.verifier()))
            .request_async(&self.transport)
            .await;
        tokens.map_err(Failure::of_tokens)
    }

    fn client(&self, auth: &Auth) -> Client {
        let settings = &auth.config.oidc;
        let client_id = ClientId::new(settings.oidc_client_id.clone());
        let client = Client::new(client_id, self.issuer.clone(), Default::default());
        match settings.oidc_client_secret.expose() {
            "" => client,
            secret => client.set_client_secret(ClientSecret::new(secret.to_owned())),
        }
    }

    fn verifier(
        &self,
        auth: &Auth,
        metadata: &Metadata,
        attempt: &Attempt,
    ) -> IdTokenVerifier<'_, CoreJsonWebKey> {
        let client_id = ClientId::new(auth.config.oidc.oidc_client_id.clone());
        let (issuer, keys) = (self.issuer.clone(), metadata.jwks().clone());
        let (now, latest) = (claims::date(auth.clock.now()), claims::latest(auth));
        // When the person may have signed in, where the provider was to make them sign in again.
        let anew = attempt
            .is_anew()
            .then(|| claims::a_little_before(attempt.begun_at())..=latest);
        // A public client's: it believes nothing that is signed by a secret that both sides have.
        IdTokenVerifier::new_public_client(client_id, issuer, keys)
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now)
            .set_issue_time_verifier_fn(move |issued_at| match issued_at <= latest {
                true => Ok(()),
                false => Err("it was issued in the future".to_owned()),
            })
            .set_auth_time_verifier_fn(move |signed_in_at| match (&anew, signed_in_at) {
                (None, _) => Ok(()),
                (Some(anew), Some(signed_in_at)) if anew.contains(&signed_in_at) => Ok(()),
                (Some(_), Some(_)) => Err("the person was not made to sign in again".to_owned()),
                (Some(_), None) => Err("the token has no auth_time".to_owned()),
            })
    }
}

fn redirect(auth: &Auth) -> Result<RedirectUrl, Failure> {
    let url = format!("{}{CALLBACK}", auth.config.server.public_url);
    RedirectUrl::new(url).map_err(Failure::provider)
}
