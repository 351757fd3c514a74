"""Fills a Keystone database with what a company has, by Keystone's own code where it has some for it."""
import json
import subprocess
import sys

config, url, keys = sys.argv[1:]


# It may stumble over its own threads when all is done.
program = 'import sys; from keystone.cmd.manage import main; sys.argv[0] = "keystone-manage"; main()'
subprocess.run(['/usr/bin/python3', '-c', program, '--config-file', config, 'db_sync'], capture_output=True)

import os

import sqlalchemy
from cryptography.fernet import Fernet
from passlib.hash import bcrypt, bcrypt_sha256, pbkdf2_sha512, scrypt, sha512_crypt

os.makedirs(keys, exist_ok=True)
key = Fernet.generate_key()
with open(os.path.join(keys, '1'), 'wb') as file:
    file.write(key)

engine = sqlalchemy.create_engine(url)
meta = sqlalchemy.MetaData()
meta.reflect(bind=engine)
t = meta.tables


def add(connection, table, **values):
    connection.execute(t[table].insert().values(**values))


# What `keystone-manage bootstrap` makes.
reader, member = '7' * 32, '8' * 32
with engine.begin() as c:
    add(c, 'project', id='default', name='Default', extra='{}', description='', enabled=True,
        domain_id='<<keystone.domain.root>>', parent_id=None, is_domain=True)
    add(c, 'project', id='6' * 32, name='admin', extra='{}', description='', enabled=True,
        domain_id='default', parent_id='default', is_domain=False)
    for id, name in (('5' * 32, 'admin'), (reader, 'reader'), (member, 'member')):
        add(c, 'role', id=id, name=name, extra='{}', domain_id='<<null>>')
    add(c, 'implied_role', prior_role_id='5' * 32, implied_role_id=member)
    add(c, 'implied_role', prior_role_id=member, implied_role_id=reader)
    add(c, 'user', id='4' * 32, extra='{}', enabled=True, created_at='2021-01-01 00:00:00', domain_id='default')
    add(c, 'local_user', id=1, user_id='4' * 32, domain_id='default', name='admin')
    add(c, 'password', local_user_id=1, self_service=False, password_hash=bcrypt.using(rounds=4).hash('their-admin'),
        created_at_int=1, created_at='2021-01-01 00:00:00')
    add(c, 'assignment', type='UserProject', actor_id='4' * 32, target_id='6' * 32, role_id='5' * 32, inherited=False)
    add(c, 'system_assignment', type='UserSystem', actor_id='4' * 32, target_id='system', role_id='5' * 32,
        inherited=False)
with engine.begin() as c:
    add(c, 'project', id='d' * 32, name='corp', extra='{}', description='', enabled=True,
        domain_id='<<keystone.domain.root>>', parent_id=None, is_domain=True)
    add(c, 'project', id='1' * 32, name='web', extra=json.dumps({'cost': 'x'}), description='Web', enabled=True,
        domain_id='d' * 32, parent_id='d' * 32, is_domain=False)
    add(c, 'project', id='0' * 32, name='shop', extra='{}', description='', enabled=True,
        domain_id='d' * 32, parent_id='1' * 32, is_domain=False)
    add(c, 'project_tag', project_id='1' * 32, name='red')
    add(c, 'role', id='e' * 32, name='auditor', extra='{}', domain_id='<<null>>', description='looks')
    add(c, 'implied_role', prior_role_id='e' * 32, implied_role_id=reader)
    hashes = {
        'ann': bcrypt.using(rounds=4).hash('ann-pw'),
        'ben': pbkdf2_sha512.using(rounds=1000).hash('ben-pw'),
        'cid': scrypt.using(rounds=8).hash('cid-pw'),
        'dan': sha512_crypt.using(rounds=5000).hash('dan-pw'),
        'eli': bcrypt_sha256.using(rounds=4).hash('eli-pw'),
    }
    for n, (name, hash) in enumerate(hashes.items(), 1):
        id = f'{n:032x}'
        add(c, 'user', id=id, extra=json.dumps({'email': f'{name}@corp.test'}), enabled=True,
            default_project_id='1' * 32, created_at='2021-01-01 00:00:00', domain_id='d' * 32)
        add(c, 'local_user', id=100 + n, user_id=id, domain_id='d' * 32, name=name)
        add(c, 'password', local_user_id=100 + n, self_service=False, password_hash='$2b$04$old', created_at_int=1,
            created_at='2021-01-01 00:00:00')
        add(c, 'password', local_user_id=100 + n, self_service=False, password_hash=hash,
            created_at_int=1600000000000000, created_at='2021-01-02 00:00:00')
    add(c, 'user_option', user_id=f'{1:032x}', option_id='1003', option_value='true')
    add(c, 'group', id='a' * 32, domain_id='d' * 32, name='ops', description='', extra='{}')
    add(c, 'user_group_membership', user_id=f'{1:032x}', group_id='a' * 32)
    add(c, 'assignment', type='GroupProject', actor_id='a' * 32, target_id='1' * 32, role_id='e' * 32, inherited=False)
    add(c, 'assignment', type='UserDomain', actor_id=f'{2:032x}', target_id='d' * 32, role_id=member, inherited=True)
    add(c, 'assignment', type='UserProject', actor_id=f'{3:032x}', target_id='9' * 32, role_id=member, inherited=False)
    add(c, 'id_mapping', public_id='f' * 64, domain_id='d' * 32, local_id='guid-1', entity_type='user')
    add(c, 'assignment', type='UserProject', actor_id='f' * 64, target_id='1' * 32, role_id=member, inherited=False)
    rules = [{'local': [{'user': {'name': '{0}'}}], 'remote': [{'type': 'HTTP_OIDC_SUB'}]}]
    add(c, 'identity_provider', id='sso', enabled=True, description=None, domain_id='d' * 32, authorization_ttl=5)
    add(c, 'idp_remote_ids', idp_id='sso', remote_id='https://sso.corp.test')
    add(c, 'mapping', id='people', rules=json.dumps(json.dumps(rules)))
    add(c, 'federation_protocol', id='openid', idp_id='sso', mapping_id='people', remote_id_attribute=None)
    # Two people of the company's provider; one is called like an account.
    for n, name in ((1, 'fay'), (2, 'ann')):
        add(c, 'user', id=f'{n:064x}', extra='{}', enabled=True, created_at='2021-01-01 00:00:00', domain_id='d' * 32)
        add(c, 'federated_user', id=n, user_id=f'{n:064x}', idp_id='sso', protocol_id='openid', unique_id=f'u{n}',
            display_name=name)
    add(c, 'assignment', type='UserProject', actor_id=f'{1:064x}', target_id='1' * 32, role_id=member, inherited=False)
    blob = json.dumps({'access': 'AKIA1', 'secret': 'secret1'}).encode()
    add(c, 'credential', id='c' * 64, user_id=f'{1:032x}', project_id='1' * 32, type='ec2', extra='{}',
        key_hash='x', encrypted_blob=Fernet(key).encrypt(blob).decode())
    add(c, 'application_credential', internal_id=1, id='b' * 32, name='ci', secret_hash=bcrypt.using(rounds=4).hash('ci-pw'),
        user_id=f'{1:032x}', project_id='1' * 32, unrestricted=False)
    add(c, 'application_credential_role', application_credential_id=1, role_id=reader)
