"""What Keystone makes of its own test mappings and of ours, as JSON: each mapping with the outcome for each assertion."""
import json
import sys

from keystone import exception
from keystone.federation import utils
from keystone.tests.unit import mapping_fixtures as fixtures

assertions = {k: v for k, v in vars(fixtures).items() if 'ASSERTION' in k}
assertions.update(json.load(sys.stdin))
cases = []
for name, mapping in vars(fixtures).items():
    if not name.startswith('MAPPING_'):
        continue
    case = {'name': name, 'mapping': mapping, 'valid': True, 'outcomes': {}}
    cases.append(case)
    try:
        utils.validate_mapping_structure(mapping)
    except exception.ValidationError:
        case['valid'] = False
        continue
    for said, assertion in assertions.items():
        try:
            found = utils.RuleProcessor('m', mapping['rules']).process(assertion)
        except exception.Error:
            case['outcomes'][said] = None
        else:
            case['outcomes'][said] = found
json.dump({'assertions': assertions, 'cases': cases}, sys.stdout, default=lambda _: 0)
