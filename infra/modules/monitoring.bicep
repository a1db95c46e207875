// Logs and metrics. Writing needs an identity with a role: the key in the connection string opens nothing.

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param componentName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('GB a day at most, such as 0.1; a number in a string, since Bicep knows whole numbers only.')
param quotaGb string

@description('Days for which logs are kept.')
param retentionDays int

@description('Guard the workspace from being deleted.')
param lock bool

resource workspace 'Microsoft.OperationalInsights/workspaces@2026-03-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    workspaceCapping: {
      dailyQuotaGb: json(quotaGb)
    }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

// What Application Insights writes stays for 90 days, whatever the workspace says, unless its tables say otherwise.
// learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure
@batchSize(1)
resource tables 'Microsoft.OperationalInsights/workspaces/tables@2026-03-01' = [for table in [
  'AppDependencies'
  'AppExceptions'
  'AppMetrics'
  'AppPerformanceCounters'
  'AppRequests'
  'AppTraces'
]: {
  parent: workspace
  name: table
  properties: {
    retentionInDays: retentionDays
    totalRetentionInDays: retentionDays
  }
}]

// Sampling is done where telemetry arises, by host.json: it keeps exceptions whole and says how many each
// record stands for (itemCount), which the alerts count in.
resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
    DisableIpMasking: false
  }
}

resource guard 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: workspace
  name: 'do-not-delete'
  properties: {
    level: 'CanNotDelete'
    notes: 'The only record of what the service did.'
  }
}

@description('Name of the component.')
output componentName string = component.name

@description('Name of the workspace.')
output workspaceName string = workspace.name
