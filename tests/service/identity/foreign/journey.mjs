// Goes through identity with openid-client as an application and as programs would; says what it got as JSON.
import * as oidc from 'openid-client'
import { createPrivateKey } from 'node:crypto'

const wanted = JSON.parse(process.argv[2])
const insecure = { execute: [oidc.allowInsecureRequests] } // the test's issuer is http on loopback
const issuer = new URL(wanted.issuer)
const told = {}

async function refused(promise) {
  try {
    await promise
  } catch (error) {
    return error.error ?? error.code ?? error.name
  }
  return 'accepted'
}

// -- an application signs a person in
const web = await oidc.discovery(issuer, 'web', undefined, oidc.None(), insecure)
const verifier = oidc.randomPKCECodeVerifier()
const [state, nonce] = [oidc.randomState(), oidc.randomNonce()]
const asked = oidc.buildAuthorizationUrl(web, {
  redirect_uri: wanted.redirect_uri,
  scope: 'openid profile email offline_access services',
  code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
})
const page = await fetch(asked)
const sealed = /name="request" value="([^"]+)"/.exec(await page.text())[1]
const cookies = (response) => response.headers.getSetCookie().map((cookie) => cookie.split(';')[0])
let jar = cookies(page)
const answer = await fetch(new URL('/authorize', issuer), {
  method: 'POST',
  redirect: 'manual',
  headers: { cookie: jar.join('; ') },
  body: new URLSearchParams({ request: sealed, login: wanted.login, password: wanted.password }),
})
jar = [...jar, ...cookies(answer)]
const returned = new URL(answer.headers.get('location'))
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
told.wrongState = await refused(oidc.authorizationCodeGrant(web, returned, { ...checks, expectedState: 'other' }))
const tokens = await oidc.authorizationCodeGrant(web, returned, checks)
told.claims = tokens.claims()
told.userinfo = await oidc.fetchUserInfo(web, tokens.access_token, told.claims.sub)
told.wrongSubject = await refused(oidc.fetchUserInfo(web, tokens.access_token, 'person-else'))

const second = await oidc.refreshTokenGrant(web, tokens.refresh_token)
const third = await oidc.refreshTokenGrant(web, second.refresh_token)
const me = await oidc.fetchProtectedResource(web, third.access_token, new URL('/me', issuer), 'GET')
told.me = (await me.json()).id
await oidc.tokenRevocation(web, third.refresh_token)
told.givenUp = await refused(oidc.refreshTokenGrant(web, third.refresh_token))

const leaving = oidc.buildEndSessionUrl(web, {
  id_token_hint: tokens.id_token,
  post_logout_redirect_uri: wanted.home,
  state: 'bye',
})
const left = await fetch(leaving, { redirect: 'manual', headers: { cookie: jar.join('; ') } })
told.left = left.headers.get('location')

// -- programs
const secret = await oidc.discovery(issuer, 'odd', undefined, oidc.ClientSecretBasic(wanted.secret), insecure)
told.bySecret = (await oidc.clientCredentialsGrant(secret)).token_type
const wrong = await oidc.discovery(issuer, 'odd', undefined, oidc.ClientSecretBasic('x'.repeat(20)), insecure)
told.byWrongSecret = await refused(oidc.clientCredentialsGrant(wrong))
const der = createPrivateKey(wanted.key).export({ type: 'pkcs8', format: 'der' })
const key = await crypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const byKey = await oidc.discovery(issuer, 'keyed', undefined, oidc.PrivateKeyJwt({ key, kid: 'k-1' }), insecure)
told.byKey = (await oidc.clientCredentialsGrant(byKey)).token_type

console.log(JSON.stringify(told))
