import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseBearerToken } from '../../../src/access/credential.ts'
import { CatalogAppLab } from '../../support/catalog-app.ts'

const HOUR_MS = 3_600_000

type Form = Readonly<Record<string, string>>

async function exchange(
  lab: CatalogAppLab,
  form: Form,
  headers: Form = {},
): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
  const response = await lab.app.request('http://catalog.example.org/v1/oauth/tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

async function clientOf(lab: CatalogAppLab): Promise<{ client_id: string; client_secret: string }> {
  const credential = parseBearerToken(await lab.tokenFor('ann', 'admin'))
  assert.ok(credential)
  return { client_id: credential.clientId, client_secret: credential.clientSecret }
}

const GRANT = { grant_type: 'client_credentials', scope: 'catalog' }

test('client credentials give an access token that ends after an hour, renewed or not', async () => {
  await using lab = await CatalogAppLab.open()
  const client = await clientOf(lab)
  const { status, body } = await exchange(lab, { ...GRANT, ...client })
  assert.deepEqual([status, body.token_type, body.expires_in], [200, 'bearer', 3600])
  const token = String(body.access_token)
  assert.equal((await lab.ask('GET', '/v1/config', token)).status, 200)
  lab.nowMs += HOUR_MS - 1
  assert.equal((await lab.ask('GET', '/v1/config', token)).status, 200)
  const renewal = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  }
  const renewed = String((await exchange(lab, renewal)).body.access_token)
  lab.nowMs += 1
  assert.equal((await lab.ask('GET', '/v1/config', token)).status, 401)
  assert.equal((await exchange(lab, renewal)).status, 401)
  assert.equal((await lab.ask('GET', '/v1/config', renewed)).status, 200)
  await lab.store.access.removeCredentials('ann', lab.nowMs)
  assert.equal((await lab.ask('GET', '/v1/config', renewed)).status, 401)
})

test('a client may send its secret in the header', async () => {
  await using lab = await CatalogAppLab.open()
  const { client_id, client_secret } = await clientOf(lab)
  const basic = Buffer.from(`${client_id}:${client_secret}`).toString('base64')
  assert.equal((await exchange(lab, GRANT, { authorization: `Basic ${basic}` })).status, 200)
})

test('what is no credential is refused in the words of OAuth2', async () => {
  await using lab = await CatalogAppLab.open()
  const client = await clientOf(lab)
  const cases: readonly (readonly [Form, number, string])[] = [
    [{ ...GRANT, ...client, client_secret: 'wrong' }, 401, 'invalid_client'],
    [{ ...GRANT, client_id: 'nobody', client_secret: 'x' }, 401, 'invalid_client'],
    [{ ...GRANT, client_id: "a\0'; drop table credentials; --", client_secret: '\0' }, 401, 'invalid_client'],
    [GRANT, 401, 'invalid_client'],
    // The service token is used as it is.
    [{ ...GRANT, client_id: 'service', client_secret: '0123456789' }, 401, 'invalid_client'],
    [{ grant_type: 'password', username: 'a', password: 'b' }, 400, 'unsupported_grant_type'],
    [{ ...GRANT, scope: 'x'.repeat(20_000) }, 400, 'invalid_request'],
  ]
  for (const [form, status, error] of cases) {
    const answer = await exchange(lab, form)
    assert.deepEqual([answer.status, answer.body.error], [status, error])
    assert.ok(!JSON.stringify(answer.body).includes(client.client_secret))
  }
})
