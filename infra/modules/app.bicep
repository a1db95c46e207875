// The Functions app on Flex Consumption: it scales to nothing, and is paid by the call.

@description('Name of the app, and the first part of its host name.')
param name string

@description('Name of the plan.')
param planName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the identity of the service.')
param identityId string

@description('Client id of the same identity.')
param identityClientId string

@description('The account of the Functions host.')
param hostAccountName string

@description('URL of the container with the packages.')
param packageContainerUrl string

@description('Where telemetry is sent: the connection string of the component, which opens nothing since local authentication is off.')
param telemetryAddress string

@description('Subnet of the outgoing side, or empty.')
param subnetId string

@description('Memory of an instance in MB.')
param instanceMemoryMB int

@description('Instances at most.')
param maximumInstanceCount int

@description('Requests that one instance answers at a time.')
param httpConcurrency int

@description('Instances that are kept warm.')
param alwaysReadyInstances int

@description('Spread instances over zones.')
param zoneRedundant bool

@description('Origins whose pages may call the service.')
param corsOrigins array

@description('Settings by which triggers find what they listen to, by name, all of them strings.')
param connections object

@description('The settings of the service by name, all of them strings.')
param settings object

// What the platform needs; it refuses FUNCTIONS_EXTENSION_VERSION and FUNCTIONS_WORKER_RUNTIME on this plan.
// Storage and telemetry are reached as the identity.
var platformSettings = {
  AzureWebJobsStorage__accountName: hostAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  AZURE_CLIENT_ID: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryAddress
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // The page at / is ours.
  AzureWebJobsDisableHomepage: 'true'
  // A thread for every request that the platform sends at a time.
  PYTHON_THREADPOOL_THREAD_COUNT: string(httpConcurrency)
  // Larger bodies the host refuses itself, on every route and before the worker has them: twice an image and a mebibyte
  // leave room for base64 or a form around it, and for an answer that names the limit where there is a little too much.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: string(2 * int(settings.MAX_IMAGE_BYTES) + 1048576)
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  // checkov:skip=CKV_AZURE_225:A choice, zoneRedundant: it needs two instances that are paid for all the time.
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  // checkov:skip=CKV_AZURE_17:Clients are browsers and phones, which have no certificate; a prediction asks for a function key.
  // checkov:skip=CKV_AZURE_212:Flex Consumption has alwaysReady instead; none by default, so that idleness costs nothing.
  // checkov:skip=CKV_AZURE_213:Flex Consumption has no health check; alerts and the smoke test of a release watch instead.
  // checkov:skip=CKV_AZURE_222:It is a public service.
  name: name
  location: location
  // azd finds the app that it deploys to by the second tag.
  tags: union(tags, {
    'azd-service-name': 'app'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        // All HTTP functions are one group, `http`, and scale together. The function of the archive is a group of
        // its own, `function:archive`: the same ceiling holds for each, and what each instance of it does at a
        // time stands in host.json (batchSize and newBatchThreshold).
        alwaysReady: alwaysReadyInstances == 0 ? [] : [
          {
            name: 'http'
            instanceCount: alwaysReadyInstances
          }
        ]
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      remoteDebuggingEnabled: false
      cors: {
        allowedOrigins: corsOrigins
        supportCredentials: false
      }
      appSettings: [for setting in items(union(platformSettings, connections, settings)): {
        name: setting.key
        value: setting.value
      }]
    }
  }
}

// Nobody logs in with a password: neither to FTP nor to the site that takes packages.
resource noPasswordForFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noPasswordForScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('Name of the app.')
output name string = app.name

@description('Where the service answers.')
output url string = 'https://${app.properties.defaultHostName}'
