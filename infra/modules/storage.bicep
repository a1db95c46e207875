// A storage account without keys, and one container in it. Whatever is overwritten or deleted can be had back
// for a while; what is older goes, so that it costs nothing for ever.

@description('Name of the account: 3 to 24 small letters and digits.')
@minLength(3)
@maxLength(24)
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('How it is copied: Standard_LRS in one place, Standard_ZRS in three zones.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
])
param skuName string

@description('Name of the container.')
param containerName string

@description('Days after they were written after which versions that were replaced are deleted.')
@minValue(7)
param oldVersionDays int

@description('Another container of the account whose blobs are deleted once they are old, or empty.')
param passingContainer string = ''

@description('Days after which they are deleted; 0: never.')
@minValue(0)
param passingDays int = 0

@description('Whether it is reached over the internet (with an identity that has a role, in either case).')
param publicAccess bool

@description('Guard the account from being deleted.')
param lock bool

// Days count from the last change; a deleted blob can be had back for as long as any other here.
var passing = empty(passingContainer) || passingDays == 0 ? [] : [
  {
    name: 'delete-what-passed-through'
    type: 'Lifecycle'
    enabled: true
    definition: {
      filters: {
        blobTypes: [
          'blockBlob'
        ]
        prefixMatch: [
          '${passingContainer}/'
        ]
      }
      actions: {
        baseBlob: {
          delete: {
            daysAfterModificationGreaterThan: passingDays
          }
        }
      }
    }
  }
]

resource account 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  // checkov:skip=CKV_AZURE_35:Without privateNetwork the account is reached over the internet, by identities that have a role; there are no keys.
  // checkov:skip=CKV_AZURE_206:One copy site is enough for what the repository and its releases hold too, and for copies of radiographs; zoneRedundant makes it three.
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    allowedCopyScope: 'AAD'
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: publicAccess ? 'Allow' : 'Deny'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: {
      enabled: true
      days: 14
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = {
  parent: blobs
  name: containerName
  properties: {
    publicAccess: 'None'
  }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2026-04-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: concat(passing, [
        {
          name: 'delete-old-versions'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
            }
            actions: {
              version: {
                delete: {
                  daysAfterCreationGreaterThan: oldVersionDays
                }
              }
              snapshot: {
                delete: {
                  daysAfterCreationGreaterThan: oldVersionDays
                }
              }
            }
          }
        }
      ])
    }
  }
  dependsOn: [
    blobs
  ]
}

resource guard 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: account
  name: 'do-not-delete'
  properties: {
    level: 'CanNotDelete'
    notes: 'What is in it cannot be made again.'
  }
}

@description('Resource id of the account.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('URL of its blobs.')
output blobUrl string = account.properties.primaryEndpoints.blob

@description('URL of the container.')
output containerUrl string = '${account.properties.primaryEndpoints.blob}${containerName}'
