// npm oidc-provider with what its users write themselves: a sign-in page and people with hashed passwords. Keeps all in
// its own memory adapter. Told what to be as JSON in its first argument; says "ready" once it listens.
import { createServer } from 'node:http'
import { hash, verify } from '@node-rs/argon2'
import { Provider } from 'oidc-provider'

const wanted = JSON.parse(process.argv[2])
const cost = { memoryCost: 19456, timeCost: 2, parallelism: 1 } // argon2id, as identity has it
const kept = await hash(wanted.password, cost)
const people = new Map(wanted.logins.map((login) => [login, kept]))
const resource = 'urn:tongban'

const provider = new Provider(wanted.issuer, {
  clients: [
    {
      client_id: 'secret',
      client_secret: wanted.secret,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
    {
      client_id: 'key',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [wanted.key] },
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
    },
    {
      client_id: 'web',
      token_endpoint_auth_method: 'none',
      redirect_uris: [wanted.redirect],
    },
  ],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  jwks: { keys: [wanted.signing] },
  cookies: { keys: [wanted.secret] },
  scopes: ['openid', 'services'],
  clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'none'],
  enabledJWA: {
    idTokenSigningAlgValues: ['ES256'],
    clientAuthSigningAlgValues: ['ES256'],
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    // Access tokens are JWTs for somebody else to check, as ours are; without this they would be opaque.
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'services',
        audience: 'tongban',
        accessTokenTTL: 300,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  findAccount: (_, id) => (people.has(id) ? { accountId: id, claims: () => ({ sub: id }) } : undefined),
  // Nobody is asked for consent: identity does not ask either.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    })
    grant.addOIDCScope('openid services')
    grant.addResourceScope(resource, 'services')
    await grant.save()
    return grant
  },
})

const oidc = provider.callback()
createServer(async (request, response) => {
  if (!request.url.startsWith('/interaction/')) return oidc(request, response)
  try {
    if (request.method === 'GET') return page(response, request.url)
    const form = await read(request)
    const known = people.get(form.get('login'))
    if (known === undefined || !(await verify(known, form.get('password')))) return page(response, request.url, 422)
    await provider.interactionFinished(request, response, { login: { accountId: form.get('login') } })
  } catch (error) {
    response.writeHead(500, { 'Content-Length': 0 }).end()
    console.error(error)
  }
}).listen(Number(new URL(wanted.issuer).port), '127.0.0.1', () => console.log('ready'))

async function read(request) {
  const parts = []
  for await (const part of request) parts.push(part)
  return new URLSearchParams(Buffer.concat(parts).toString())
}

function page(response, action, status = 200) {
  const body = `<!DOCTYPE html><title>Sign in</title><form method="post" action="${action}">
<input name="login"><input name="password" type="password"><button>Sign in</button></form>`
  response.writeHead(status, { 'Content-Type': 'text/html', 'Content-Length': Buffer.byteLength(body) }).end(body)
}
