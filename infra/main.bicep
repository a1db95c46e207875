// One environment of the service, in a resource group that exists. `azd up` and
// `az deployment group create` deploy the same file; see README.md beside it for why each resource is here.
targetScope = 'resourceGroup'

// What it is called and where it is.

@description('Name of the environment, such as dev or prod: part of every resource\'s tags and names.')
@minLength(1)
@maxLength(20)
param environmentName string

@description('Region of all resources; Flex Consumption must be sold there.')
param location string = resourceGroup().location

@description('Tags of every resource, beside the ones that azd looks for.')
param tags object = {}

// How large it may become.

@description('Memory of an instance in MB; 512 has a quarter of a core, 2048 one, 4096 two. The peak of app, worker and decoders at every limit at once is 385 MiB (python -m tools.bench --only memory-worst), and 28 more with the Azure SDK; 512 MB are for peaks up to 400. With maxImagePixels 20000000 and httpConcurrency 4 there is more room, see README.md.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Instances at most: a ceiling to the bill as well as to the load that is taken. A burst may exceed it for a moment. Where Azure refuses less than 40 (not in westeurope), say 40.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 4

@description('Requests that one instance answers at a time. Eight is what memory is measured with and as many as the worker has threads; one core answers no faster with more.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 8

@description('Instances that are kept warm, and paid for, all the time; 0: the first call after a pause starts one. Zone redundancy needs two.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('Spread instances and storage over the zones of the region.')
param zoneRedundant bool = false

// Whole archives, see docs/scale.md.

@description('Take whole archives from a queue, beside single calls: a storage account more, and a function that costs nothing while the queue is empty. Its instances are a group of their own, for which maximumInstanceCount holds once more.')
param archiveEnabled bool = false

@description('URL of the blobs of the storage account with queue, sources and results, where it is another deployment\'s, whose owner gives the roles. Empty: the one that archiveEnabled makes, else none.')
param archiveStore string = ''

@description('Containers that radiographs are read from, beside incoming.')
param archiveSources array = []

@description('Put every radiograph that arrives in incoming into the queue, without a job (Event Grid).')
param archiveEvents bool = false

@description('Days after which what lies in incoming is deleted; 0: never.')
@minValue(0)
@maxValue(3650)
param archiveIncomingDays int = 30

@description('Object id of whoever submits archives, best a group. Empty: nobody.')
param archiveSubmitterPrincipalId string = ''

@description('What archiveSubmitterPrincipalId is. The workflows may give roles to a ServicePrincipal only; an owner, who runs the deployment, to all.')
@allowed([
  'Group'
  'ServicePrincipal'
  'User'
])
param archiveSubmitterPrincipalType string = 'Group'

// Who may reach it.

@description('Origins, such as https://viewer.example.org, whose pages may call the service from a browser. Its own page needs none.')
param corsOrigins array = []

@description('Reach storage through private endpoints in a virtual network only. Whoever uploads models then has to be in that network.')
param privateNetwork bool = false

@description('Object id of whoever deploys: may write models and packages. Empty: nobody but the service gets a role.')
param deployerPrincipalId string = ''

@description('What deployerPrincipalId is.')
@allowed([
  'Group'
  'ServicePrincipal'
  'User'
])
param deployerPrincipalType string = 'ServicePrincipal'

@description('Guard storage and logs from being deleted; whoever deploys then needs the role Locks Contributor.')
param lock bool = false

// Who is told, and when.

@description('Addresses that alerts and the budget are mailed to, beside the owners of the subscription.')
param alertEmails array = []

@description('Watch errors, slowness, refusals and full logs. Each rule costs about US$ 0.50 a month.')
param alertsEnabled bool = true

@description('US$ a month from which on the budget warns: at 80 and 100 % spent and at 100 % foreseen.')
@minValue(1)
param monthlyBudget int = 20

@description('First day of the month in which the budget was created, such as 2026-11-01; Azure refuses a later one for a budget that exists. Empty: no budget.')
param budgetStartDate string = ''

@description('GB of logs a day at most; what comes after is dropped until the next day begins, at an hour that Azure chooses for each workspace, and an alert tells of it.')
param logQuotaGb string = '0.1'

@description('Days for which logs are kept; 90 are free.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

// The settings of the service, see the table in the README of the repository. The defaults are the code's.

@description('What runs the network.')
@allowed([
  'litert'
  'tensorflow'
])
param inferenceRuntime string = 'litert'

@description('Where models are: bundled, or the URL of a container. Empty: the container models of this deployment.')
param modelStore string = ''

@description('The version that serves: active, or the name of one.')
param modelVersion string = 'active'

@description('Seconds until a promotion is noticed; 0: never.')
@minValue(0)
@maxValue(86400)
param modelRefreshSeconds int = 60

@description('Bytes of an image at most.')
@minValue(1024)
@maxValue(209715200)
param maxImageBytes int = 10485760

@description('Pixels of an image at most.')
@minValue(4096)
@maxValue(400000000)
param maxImagePixels int = 40000000

@description('Whether image_url is followed.')
param allowLinks bool = true

@description('Hosts that links may point to; none: any public host.')
param linkHosts array = []

@description('Whether a prediction asks for a function key.')
@allowed([
  'anonymous'
  'function'
])
param predictAuth string = 'function'

@description('Threads that one pass of the network may use.')
@minValue(1)
@maxValue(16)
param runtimeThreads int = 1

@description('Whether the log has what the model makes of each image. It is what is known of a patient\'s health: whoever reads the log reads it too.')
param logPredictions bool = false

var token = uniqueString(resourceGroup().id, environmentName)
var allTags = union(tags, {
  'azd-env-name': environmentName
  application: 'explainable-chest-xray'
})
var appName = 'func-cxr-${environmentName}-${token}'
var hostAccountName = 'st${token}'
var modelAccountName = 'stm${token}'
var componentName = 'appi-cxr-${environmentName}-${token}'
var archiveAccountName = 'sta${token}'
var deploymentContainer = 'packages'
var modelContainer = 'models'
var archiveQueue = 'archive'
var archiveContainer = 'archive'
var incomingContainer = 'incoming'
var archiveUrl = archiveEnabled && empty(archiveStore) ? archiveStorage!.outputs.blobUrl : archiveStore
var archiveContainers = union([
  incomingContainer
], archiveSources)
var storageSku = zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'

// One identity for the service. It outlives the app, so that its roles are there before the app starts.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-cxr-${environmentName}-${token}'
  location: location
  tags: allTags
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'network'
  params: {
    name: 'vnet-cxr-${environmentName}-${token}'
    location: location
    tags: allTags
    queues: archiveEnabled
  }
}

// Two accounts, because the Functions host must own the one that it keeps its keys and leases in, and the
// service shall never be able to write to the models that it trusts.
module hostStorage 'modules/storage.bicep' = {
  name: 'host-storage'
  params: {
    name: hostAccountName
    location: location
    tags: allTags
    skuName: storageSku
    containerName: deploymentContainer
    oldVersionDays: 30
    publicAccess: !privateNetwork
    lock: lock
  }
}

module modelStorage 'modules/storage.bicep' = {
  name: 'model-storage'
  params: {
    name: modelAccountName
    location: location
    tags: allTags
    skuName: storageSku
    containerName: modelContainer
    oldVersionDays: 90
    publicAccess: !privateNetwork
    lock: lock
  }
}

// A third one: who submits archives gets roles in it and in no other, and an archive at full speed needs all the
// requests that an account takes, of which the host's leases must not run out.
module archiveStorage 'modules/storage.bicep' = if (archiveEnabled) {
  name: 'archive-storage'
  params: {
    name: archiveAccountName
    location: location
    tags: allTags
    skuName: storageSku
    containerName: archiveContainer
    oldVersionDays: 7
    passingContainer: incomingContainer
    passingDays: archiveIncomingDays
    publicAccess: !privateNetwork
    lock: lock
  }
}

module archive 'modules/archive.bicep' = if (archiveEnabled) {
  name: 'archive'
  params: {
    accountName: archiveEnabled ? archiveStorage!.outputs.name : ''
    queueName: archiveQueue
    sources: archiveContainers
  }
}

module incoming 'modules/incoming.bicep' = if (archiveEnabled && archiveEvents) {
  name: 'incoming'
  params: {
    name: 'evgt-cxr-${environmentName}-${token}'
    location: location
    tags: allTags
    accountName: archiveEnabled ? archive!.outputs.accountName : ''
    queueName: archiveEnabled ? archive!.outputs.queueName : ''
    containerName: incomingContainer
    submitterPrincipalId: archiveSubmitterPrincipalId
    submitterPrincipalType: archiveSubmitterPrincipalType
  }
}

module hostEndpoint 'modules/endpoint.bicep' = if (privateNetwork) {
  name: 'host-endpoint'
  params: {
    name: 'pe-${hostAccountName}'
    location: location
    tags: allTags
    accountId: hostStorage.outputs.id
    subnetId: privateNetwork ? network!.outputs.endpointSubnetId : ''
    dnsZoneId: privateNetwork ? network!.outputs.dnsZoneId : ''
  }
}

module modelEndpoint 'modules/endpoint.bicep' = if (privateNetwork) {
  name: 'model-endpoint'
  params: {
    name: 'pe-${modelAccountName}'
    location: location
    tags: allTags
    accountId: modelStorage.outputs.id
    subnetId: privateNetwork ? network!.outputs.endpointSubnetId : ''
    dnsZoneId: privateNetwork ? network!.outputs.dnsZoneId : ''
  }
}

module archiveEndpoint 'modules/endpoint.bicep' = if (archiveEnabled && privateNetwork) {
  name: 'archive-endpoint'
  params: {
    name: 'pe-${archiveAccountName}'
    location: location
    tags: allTags
    accountId: archiveEnabled ? archiveStorage!.outputs.id : ''
    subnetId: privateNetwork ? network!.outputs.endpointSubnetId : ''
    dnsZoneId: privateNetwork ? network!.outputs.dnsZoneId : ''
  }
}

module archiveQueueEndpoint 'modules/endpoint.bicep' = if (archiveEnabled && privateNetwork) {
  name: 'archive-queue-endpoint'
  params: {
    name: 'pe-${archiveAccountName}-queue'
    location: location
    tags: allTags
    accountId: archiveEnabled ? archiveStorage!.outputs.id : ''
    subnetId: privateNetwork ? network!.outputs.endpointSubnetId : ''
    service: 'queue'
    dnsZoneId: privateNetwork ? network!.outputs.queueZoneId : ''
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    workspaceName: 'log-cxr-${environmentName}-${token}'
    componentName: componentName
    location: location
    tags: allTags
    quotaGb: logQuotaGb
    retentionDays: logRetentionDays
    lock: lock
  }
}

// Read here, and no output of the module, so that its address stands in no output.
resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

module access 'modules/access.bicep' = {
  name: 'access'
  params: {
    servicePrincipalId: identity.properties.principalId
    deployerPrincipalId: deployerPrincipalId
    deployerPrincipalType: deployerPrincipalType
    hostAccountName: hostStorage.outputs.name
    deploymentContainer: deploymentContainer
    modelAccountName: modelStorage.outputs.name
    modelContainer: modelContainer
    componentName: monitoring.outputs.componentName
  }
}

module archiveAccess 'modules/archive-access.bicep' = if (archiveEnabled) {
  name: 'archive-access'
  params: {
    servicePrincipalId: identity.properties.principalId
    submitterPrincipalId: archiveSubmitterPrincipalId
    submitterPrincipalType: archiveSubmitterPrincipalType
    accountName: archiveEnabled ? archive!.outputs.accountName : ''
    queueName: archiveEnabled ? archive!.outputs.queueName : ''
    poisonQueueName: archiveEnabled ? archive!.outputs.poisonQueueName : ''
    resultContainer: archiveContainer
    sources: archiveContainers
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  params: {
    name: appName
    planName: 'plan-cxr-${environmentName}-${token}'
    location: location
    tags: allTags
    identityId: identity.id
    identityClientId: identity.properties.clientId
    hostAccountName: hostStorage.outputs.name
    packageContainerUrl: hostStorage.outputs.containerUrl
    telemetryAddress: component.properties.ConnectionString
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyInstances: alwaysReadyInstances
    zoneRedundant: zoneRedundant
    corsOrigins: corsOrigins
    connections: empty(archiveUrl) ? {} : {
      ArchiveQueue__queueServiceUri: replace(archiveUrl, '.blob.', '.queue.')
      ArchiveQueue__credential: 'managedidentity'
      ArchiveQueue__clientId: identity.properties.clientId
    }
    settings: {
      INFERENCE_RUNTIME: inferenceRuntime
      MODEL_STORE: empty(modelStore) ? modelStorage.outputs.containerUrl : modelStore
      MODEL_VERSION: modelVersion
      MODEL_REFRESH_SECONDS: string(modelRefreshSeconds)
      MAX_IMAGE_BYTES: string(maxImageBytes)
      MAX_IMAGE_PIXELS: string(maxImagePixels)
      ALLOW_LINKS: allowLinks ? 'true' : 'false'
      LINK_HOSTS: join(linkHosts, ',')
      PREDICT_AUTH: predictAuth
      RUNTIME_THREADS: string(runtimeThreads)
      LOG_PREDICTIONS: logPredictions ? 'true' : 'false'
      ARCHIVE_STORE: empty(archiveStore) ? archiveUrl : archiveStore
    }
  }
  dependsOn: [
    access
    archiveAccess
    archiveEndpoint
    archiveQueueEndpoint
    hostEndpoint
    modelEndpoint
  ]
}

module notification 'modules/notification.bicep' = {
  name: 'notification'
  params: {
    name: 'ag-cxr-${environmentName}'
    tags: allTags
    emails: alertEmails
  }
}

module alerts 'modules/alerts.bicep' = if (alertsEnabled) {
  name: 'alerts'
  params: {
    prefix: 'cxr-${environmentName}'
    location: location
    tags: allTags
    componentName: monitoring.outputs.componentName
    workspaceName: monitoring.outputs.workspaceName
    actionGroupId: notification.outputs.id
    trafficExpected: alwaysReadyInstances > 0
    archiveEnabled: archiveEnabled || !empty(archiveStore)
  }
}

module budget 'modules/budget.bicep' = if (!empty(budgetStartDate)) {
  name: 'budget'
  params: {
    name: 'budget-cxr-${environmentName}'
    amount: monthlyBudget
    startDate: budgetStartDate
    actionGroupId: notification.outputs.id
    emails: alertEmails
  }
}

@description('The resource group of everything.')
output RESOURCE_GROUP string = resourceGroup().name

@description('The app, to which packages are deployed.')
output FUNCTION_APP_NAME string = app.outputs.name

@description('Where the service answers.')
output SERVICE_URL string = app.outputs.url

@description('Where it finds its models: what `python -m model_store --store` takes.')
output MODEL_STORE string = empty(modelStore) ? modelStorage.outputs.containerUrl : modelStore

@description('The account with the packages.')
output STORAGE_ACCOUNT_NAME string = hostStorage.outputs.name

@description('The container with the packages, every earlier one as a version of its blob.')
output DEPLOYMENT_CONTAINER string = deploymentContainer

@description('Where archives are worked off, for `ARCHIVE_STORE` of whoever submits them; empty where there is none.')
output ARCHIVE_STORE string = archiveUrl
