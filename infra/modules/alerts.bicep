// What is worth a mail. Each rule asks every quarter of an hour, all but one Application Insights. The host names a request
// after its function (`predict`, `health` …) and gives its HTTP status as text; `itemCount` is how many requests
// a sampled record stands for. A share of too few requests says nothing, so small counts are left out.

@description('First part of the names.')
param prefix string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('The Application Insights component.')
param componentName string

@description('The Log Analytics workspace that the component writes to.')
param workspaceName string

@description('Resource id of the action group that is told.')
param actionGroupId string

@description('Whether silence is worth an alarm: where instances are kept warm and paid for.')
param trafficExpected bool

@description('Whether the app works off archives, of whichever account: what it gives up is watched.')
param archiveEnabled bool

@description('Per cent of answers with a status from 500 on that are too many.')
param errorPercent int = 5

@description('Milliseconds that 95 of 100 predictions shall take at most. The slowest image takes about a second on one core.')
param slowMilliseconds int = 3000

@description('Percentage points by which the share of refused images may exceed that of the day before.')
param refusalRisePoints int = 20

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' existing = {
  name: workspaceName
}

var rules = [
  {
    name: 'errors'
    title: 'Chest X-ray: errors'
    text: 'More than ${errorPercent} % of the answers of the last quarter of an hour had a status from 500 on.'
    severity: 1
    window: 'PT15M'
    range: 'PT15M'
    operator: 'GreaterThan'
    threshold: errorPercent
    enabled: true
    query: '''
requests
| where name in ('predict', 'model', 'health', 'openapi_document', 'developers', 'page')
| summarize total = sum(itemCount), failed = sumif(itemCount, toint(resultCode) >= 500)
| where total >= 10
| project value = 100.0 * failed / total
'''
  }
  {
    name: 'slow'
    title: 'Chest X-ray: slow'
    text: 'One prediction of twenty took longer than ${slowMilliseconds} ms in the last quarter of an hour.'
    severity: 2
    window: 'PT15M'
    range: 'PT15M'
    operator: 'GreaterThan'
    threshold: slowMilliseconds
    enabled: true
    query: '''
requests
| where name == 'predict'
| summarize total = sum(itemCount), value = percentilew(duration, itemCount, 95)
| where total >= 20
| project value
'''
  }
  {
    name: 'refusals'
    title: 'Chest X-ray: refusals rise'
    text: 'The share of images answered with 422 (refused by the gate, or broken) in the last hour is more than ${refusalRisePoints} points above that of the day before: clients send something else, or a model refuses too much. The query for problems by code in infra/README.md tells which.'
    severity: 2
    window: 'PT1H'
    range: 'P1D'
    operator: 'GreaterThan'
    threshold: refusalRisePoints
    enabled: true
    query: '''
requests
| where name == 'predict' and resultCode in ('200', '422')
| extend recent = timestamp > ago(1h)
| summarize
    total = sumif(itemCount, recent), refused = sumif(itemCount, recent and resultCode == '422'),
    total_before = sumif(itemCount, not(recent)), refused_before = sumif(itemCount, not(recent) and resultCode == '422')
| where total >= 20 and total_before >= 20
| project value = 100.0 * refused / total - 100.0 * refused_before / total_before
'''
  }
  {
    name: 'silence'
    title: 'Chest X-ray: no traffic'
    text: 'Instances are kept warm, and no request came in the last hour.'
    severity: 3
    window: 'PT1H'
    range: 'PT1H'
    operator: 'LessThan'
    threshold: 1
    enabled: trafficExpected
    query: '''
requests
| summarize value = count()
'''
  }
  // The one rule that asks the workspace: it alone knows that it drops what all other rules look at.
  // learn.microsoft.com/azure/azure-monitor/logs/daily-cap
  {
    name: 'logs'
    title: 'Chest X-ray: logs are full'
    text: 'The logs of a day have reached logQuotaGb. What comes until the workspace starts its next day is dropped, and no other alert sees it.'
    severity: 2
    window: 'PT15M'
    range: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
    enabled: true
    query: '''
_LogOperation
| where Category =~ 'Ingestion' and Detail contains 'OverQuota'
| summarize value = count()
'''
  }
  // How many messages a queue holds is told an hour late and for the whole account. What the function lets out at
  // the last delivery (archive/trigger.py) is an exception, which host.json keeps from being sampled; where the
  // worker dies each time, only the host tells, in a trace, that it moves the message.
  {
    name: 'poison'
    title: 'Chest X-ray: images of an archive were given up'
    text: 'A message of the archive failed five times and lies in archive-poison; the record of its job says why.'
    severity: 2
    window: 'PT15M'
    range: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
    enabled: archiveEnabled
    query: '''
union exceptions, traces
| where strcat(message, outerMessage, innermostMessage) contains 'archive-poison'
| summarize value = count()
'''
  }
]

resource queryRules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [for rule in rules: if (rule.enabled) {
  name: '${prefix}-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.title
    description: rule.text
    severity: rule.severity
    enabled: true
    scopes: [
      rule.name == 'logs' ? workspace.id : component.id
    ]
    evaluationFrequency: 'PT15M'
    windowSize: rule.window
    overrideQueryTimeRange: rule.range == rule.window ? null : rule.range
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Maximum'
          metricMeasureColumn: 'value'
          operator: rule.operator
          threshold: rule.threshold
          failingPeriods: {
            numberOfEvaluationPeriods: 1
            minFailingPeriodsToAlert: 1
          }
        }
      ]
    }
    autoMitigate: true
    actions: {
      actionGroups: [
        actionGroupId
      ]
    }
  }
}]
